package source

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// OpenFunction's Function: its group, and the version that is read. Of the
// fields: apis/core/v1beta2 of github.com/OpenFunction/OpenFunction.
const (
	openFunctionGroup   = "core.openfunction.io/"
	openFunctionVersion = openFunctionGroup + "v1beta2"
	openFunctionKind    = "Function"
)

// isOpenFunction recognises a Function of OpenFunction, in any version.
func isOpenFunction(n *node) bool {
	return n.text("kind") == openFunctionKind && strings.HasPrefix(n.text("apiVersion"), openFunctionGroup)
}

// openFunction makes a mesh of a Function, with it alone. What its code sends,
// and what it is called by, goes by Dapr: the variable FUNC_CONTEXT tells the
// program, as OpenFunction's controller does.
func (ds *documents) openFunction(doc *node) *node {
	if version := doc.text("apiVersion"); version != openFunctionVersion {
		ds.fault(doc.locate("apiVersion"), "apiVersion", "%q is not a version of OpenFunction's Function that Weft reads", version).Hint =
			"write apiVersion: " + openFunctionVersion + ", as kubectl get functions.core.openfunction.io -o yaml has it"
		return nil
	}
	name := doc.find("metadata").find("name")
	if name == nil || name.kind != scalar {
		ds.fault(doc.locate("metadata.name"), "metadata.name", "the Function has no name")
		return nil
	}
	if spec := doc.find("spec"); spec == nil || spec.kind != mapping {
		ds.fault(doc.locate("spec"), "spec", "the Function has no spec")
		return nil
	}
	t := openFunction{
		translation: translation{ds, doc, mapAt(name.at, field("name", name))},
		components:  listAt(doc.at), env: listAt(doc.at), kinds: make(map[string]string),
		context: functionContext{Name: name.value, Inputs: make(map[string]endpoint), Outputs: make(map[string]endpoint)},
	}
	t.locateSource(name.value)
	t.declare()
	t.translate()
	t.finish()

	tree := meshOf(doc, name, t.f)
	for _, key := range []string{"namespace", "labels", "annotations"} {
		if v := doc.find("metadata").find(key); v != nil {
			tree.in(doc.at, "metadata").put(field(key, v))
		}
	}
	if len(t.components.items) > 0 {
		tree.in(doc.at, "spec").put(field("components", t.components))
	}
	return tree
}

// openFunction translates one Function into a function of a mesh.
type openFunction struct {
	translation
	// components are those of the document, kinds the building blocks (bindings,
	// pubsub, state) of these and of the documents beside it, by name.
	components *node
	kinds      map[string]string
	env        *node
	context    functionContext
	http       *entry
}

// functionContext is FUNC_CONTEXT, as functions-framework-go of OpenFunction
// reads it.
type functionContext struct {
	Name    string              `json:"name"`
	Version string              `json:"version"`
	Runtime string              `json:"runtime"`
	Inputs  map[string]endpoint `json:"inputs,omitempty"`
	Outputs map[string]endpoint `json:"outputs,omitempty"`
}

// endpoint is an input or output: a topic, or a binding under its own name.
type endpoint struct {
	URI           string            `json:"uri"`
	ComponentName string            `json:"componentName"`
	ComponentType string            `json:"componentType"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Operation     string            `json:"operation,omitempty"`
}

const envFunctionContext = "FUNC_CONTEXT"

// The runtimes of FUNC_CONTEXT.
const (
	runtimeKnative = "Knative"
	runtimeAsync   = "Async"
)

// locateSource finds the code: what sourceSubPath names, if it is here; else
// the directory that every mesh may have it in; else it is beside the file.
func (t *openFunction) locateSource(name string) {
	dir := filepath.Dir(t.doc.at.file)
	sub := t.doc.find("spec").find("build").find("srcRepo").find("sourceSubPath")
	if sub != nil && filepath.IsLocal(sub.text()) && sub.text() != "." && holdsDir(dir, sub.text()) {
		t.f.put(field("source", sub))
		return
	}
	if !holdsDir(dir, filepath.Join("functions", v1beta1.KubeName(name))) {
		t.f.put(field("source", textAt(t.doc.at, ".")))
	}
}

func holdsDir(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.IsDir()
}

func (t *openFunction) translate() {
	const elsewhere = "Weft builds what is here, with the go command"
	build := fields{
		"srcRepo":            t.leftOut("Weft builds the code that is here", "for another directory, say --set spec.functions."+t.context.Name+".source=DIR"),
		"env":                t.buildEnv,
		"builder":            t.leftOut(elsewhere, ""),
		"builderCredentials": t.leftOut(elsewhere, ""),
		"shipwright":         t.leftOut(elsewhere, ""),
		"dockerfile":         t.leftOut(elsewhere, "write a mesh in which the function has a command that starts it"),
		"timeout":            t.leftOut(elsewhere, ""),
		"builderMaxAge":      t.leftOut(elsewhere, ""), "successfulBuildsHistoryLimit": t.none, "failedBuildsHistoryLimit": t.none,
	}
	serving := fields{
		"triggers":     t.within(fields{"http": t.httpTrigger, "dapr": t.each(t.input), "inputs": t.inputs}),
		"scaleOptions": t.within(fields{"minReplicas": t.as("scaling", "minReplicas"), "maxReplicas": t.as("scaling", "maxReplicas"), "knative": t.knative, "keda": t.keda}),
		"outputs":      t.each(t.output),
		"bindings":     t.none, "pubsub": t.none, "states": t.none, // see declare
		"params":      t.params,
		"labels":      t.as("labels"),
		"annotations": t.annotations,
		"template":    t.template,
		"timeout":     t.as("startTimeout"),
		"hooks":       t.leftOut("plugins of OpenFunction's framework do not run", "call what they do in the handler"),
		"tracing": func(e entry) {
			if e.value.text("enabled") == "true" {
				t.leftOut("Weft traces every call itself", "see weft trace, or export traces by OpenTelemetry")(e)
			}
		},
		"workloadType": t.only("Deployment", "functions are scaled from zero, as services"),
	}
	spec := fields{
		"workloadRuntime":  t.only("OCIContainer", "functions are programs of this machine"),
		"version":          func(e entry) { t.context.Version = e.value.text() },
		"image":            t.as("image"),
		"imageCredentials": t.leftOut("credentials of registries are those of docker login", "on a cluster, add the Secret to the imagePullSecrets of the ServiceAccount"),
		"build":            t.within(build),
		"serving":          t.within(serving),
	}
	t.walk(t.doc.find("spec"), spec)
}

// only warns of any value but the one that is honoured.
func (t *openFunction) only(value, why string) func(entry) {
	return func(e entry) {
		if got := e.value.text(); got != "" && got != value {
			t.leftOut(why, "")(e)
		}
	}
}

// finish puts together what several fields say.
func (t *openFunction) finish() {
	t.context.Runtime = runtimeKnative
	if len(t.context.Inputs) > 0 {
		t.context.Runtime = runtimeAsync
	}
	switch {
	case t.http != nil:
		t.f.put(field("triggers", t.routes(*t.http)))
	case len(t.context.Inputs) == 0: // as OpenFunction's webhook has it
		t.f.put(field("triggers", t.routes(entry{"http", t.doc.at, mapAt(t.doc.at)})))
	default:
		t.f.put(field("scaler", textAt(t.doc.at, string(v1beta1.ScalerKEDA))))
	}
	if !slices.ContainsFunc(t.env.items, func(v *node) bool { return v.text("name") == envFunctionContext }) {
		context, _ := json.Marshal(t.context) // strings and maps of strings
		t.variable(t.doc.at, envFunctionContext, textAt(t.doc.at, string(context)))
	}
	t.f.put(field("env", t.env))
}

func (t *openFunction) variable(at place, name string, value *node) {
	t.env.items = append(t.env.items, mapAt(at, field("name", textAt(at, name)), field("value", value)))
}

// params become variables of the environment; numbers and booleans are meant as
// text.
func (t *openFunction) params(e entry) {
	if e.value.kind != mapping {
		t.fault(e.at, "%s is not a map of names and values", e.value.describe())
		return
	}
	for _, p := range e.value.entries {
		t.variable(p.at, p.key, asText(p.value))
	}
}

// asText is a number or boolean as the text that it is written as.
func asText(n *node) *node {
	if n.kind != scalar {
		return n
	}
	return textAt(n.at, n.value)
}

// buildEnv takes over what the go command reads. FUNC_NAME names the handler.
func (t *openFunction) buildEnv(e entry) {
	if e.value.kind != mapping {
		t.fault(e.at, "%s is not a map of names and values", e.value.describe())
		return
	}
	env := listAt(e.at)
	for _, v := range e.value.entries {
		name := v.key
		switch {
		case name == "FUNC_CLEAR_SOURCE":
			continue
		case name == "FUNC_GOPROXY":
			name = "GOPROXY"
		case name != "FUNC_NAME" && (strings.HasPrefix(name, "FUNC_") || !strings.HasPrefix(name, "GO")):
			t.leftOut("it is for OpenFunction's builder", "")(v)
			continue
		}
		env.items = append(env.items, mapAt(v.at, field("name", textAt(v.at, name)), field("value", asText(v.value))))
	}
	if len(env.items) > 0 {
		t.f.in(e.at, "build").put(entry{"env", e.at, env})
	}
}
