package source

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// FuncFile is the name of the file in which Knative's func keeps a function's
// configuration.
const FuncFile = "func.yaml"

// Versions of func.yaml: the newest that is known, and the one that sorted the
// fields into build, run and deploy.
var (
	newestFunc = [3]int{0, 36, 0}
	sortedFunc = [3]int{0, 34, 0}
)

// isFuncYAML recognises the one document of a func.yaml, which has neither
// kind nor apiVersion.
func isFuncYAML(n *node) bool {
	return n.find("kind") == nil && n.find("apiVersion") == nil &&
		(filepath.Base(n.at.file) == FuncFile || n.find("specVersion") != nil && n.find("runtime") != nil)
}

// funcYAML makes a mesh of a func.yaml, with its function alone: its code is
// beside the file, and every path leads to it, as it does on a cluster.
func (ds *documents) funcYAML(doc *node) *node {
	name := doc.find("name")
	if name == nil || name.kind == null {
		ds.fault(doc.locate("name"), "name", "is missing").Hint = "write name: followed by the function's name"
		return nil
	}
	trigger := mapAt(doc.at,
		field("type", textAt(doc.at, string(v1beta1.TriggerHTTP))),
		field("path", textAt(doc.at, "/")),
		// Whatever func invoke sends: what the code takes is not told by invoke,
		// which is a hint for that command alone.
		field("events", &node{kind: scalar, tag: "!!bool", value: "true", at: doc.at}))
	f := mapAt(doc.at, field("name", name), field("source", textAt(doc.at, ".")), field("triggers", listAt(doc.at, trigger)))
	t := funcYAML{translation{ds, doc, f}, true}
	t.translate()
	tree := meshOf(doc, name, f)
	if ns := doc.find("namespace"); ns != nil {
		tree.in(doc.at, "metadata").put(field("namespace", ns))
	}
	return tree
}

// beside lays the functions of a mesh over the func.yaml that lies in their
// directories: what the mesh says wins, field by field, and variable by
// variable.
func (ds *documents) beside(tree *node, dir string, read func(string) ([]byte, error)) {
	if len(ds.standing) > 0 && ds.mesh != nil && isFuncYAML(ds.standing[0]) {
		return // it is the mesh
	}
	functions := tree.find("spec").find("functions")
	if functions == nil {
		return
	}
	for i, f := range functions.items {
		name, source := f.text("name"), f.text("source")
		if f.kind != mapping || name == "" || f.find("url") != nil {
			continue
		}
		if source == "" {
			source = filepath.Join("functions", v1beta1.KubeName(name))
		}
		if !filepath.IsAbs(source) {
			source = filepath.Join(dir, source)
		}
		doc := ds.read(filepath.Join(source, FuncFile), read)
		if doc == nil {
			continue
		}
		doc.labelled("")
		under := mapAt(doc.at)
		t := funcYAML{translation{ds, doc, under}, f.find("command") == nil}
		t.translate()
		functions.items[i] = layOver(under, f)
	}
}

// read reads a func.yaml, if there is one.
func (ds *documents) read(file string, read func(string) ([]byte, error)) *node {
	data, err := read(file)
	var pathErr *fs.PathError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &pathErr) && strings.Contains(pathErr.Err.Error(), "not a directory") {
		return nil
	}
	ds.files = append(ds.files, file)
	if err != nil {
		ds.problems = append(ds.problems, readProblem(file, err))
		return nil
	}
	docs, problems := parse(file, data)
	ds.problems = append(ds.problems, problems...)
	if len(docs) == 0 || docs[0].kind != mapping || !isFuncYAML(docs[0]) {
		return nil
	}
	return docs[0]
}

// layOver lays a function of a mesh over what its func.yaml says.
func layOver(under, over *node) *node {
	merged := overlay(under, over, "")
	merged.at = over.at
	for _, path := range [][]string{{"env"}, {"build", "env"}, {"envFrom"}} {
		a, b := under, over
		for _, k := range path {
			a, b = a.find(k), b.find(k)
		}
		if a == nil || b == nil || a.kind != list || b.kind != list {
			continue
		}
		// What is in neither has no name: envFrom, of which later ones win.
		both := &node{kind: list, at: b.at}
		for _, item := range a.items {
			name := item.text("name")
			if name == "" || !slices.ContainsFunc(b.items, func(o *node) bool { return o.text("name") == name }) {
				both.items = append(both.items, item)
			}
		}
		both.items = append(both.items, b.items...)
		merged.in(b.at, path[:len(path)-1]...).put(entry{path[len(path)-1], b.at, both})
	}
	return merged
}

// funcYAML translates one func.yaml into a function of a mesh.
type funcYAML struct {
	translation
	// runs says that the function's code is built and run by Weft.
	runs bool
}

func (t *funcYAML) translate() {
	build := fields{
		"buildEnvs":          t.buildEnvs,
		"builder":            t.builder,
		"builderImages":      t.leftOut(ownBuilder, "build with func to use them"),
		"buildpacks":         t.leftOut(ownBuilder, "build with func to use them"),
		"baseImage":          t.leftOut("Weft adds the program to an empty image", "say weft build --base IMAGE"),
		"git":                t.leftOut("Weft builds what is in this directory", "build on a cluster with func, or weft build in CI"),
		"pvcSize":            t.leftOut("Weft builds on this machine", ""),
		"remoteStorageClass": t.leftOut("Weft builds on this machine", ""),
		"volumes":            t.leftOut("the go command runs on this machine, with its own files", "it finds .netrc and credentials of git where they are"),
	}
	run := fields{
		"envs":    t.envs,
		"volumes": t.volumes,
		"startTimeout": func(e entry) {
			value := e.value
			if n, err := strconv.ParseInt(value.value, 10, 64); err == nil && value.tag == "!!int" {
				value = textAt(value.at, fmt.Sprintf("%dns", n)) // func's durations may be plain nanoseconds
			}
			t.set(e, value, "startTimeout")
		},
		"kafka": t.leftOut("functions of a mesh do not consume topics themselves", "name the broker in a mesh, with a component and a pubsub trigger"),
	}
	deploy := fields{
		"namespace": t.none, "image": t.none, "deployer": t.none,
		"annotations":        t.as("annotations"),
		"labels":             t.labels,
		"serviceAccountName": t.as("serviceAccountName"),
		"imagePullSecret":    t.leftOut("the ServiceAccount of the function has the secrets for pulling", "add it to the ServiceAccount's imagePullSecrets"),
		"managementDisabled": t.leftOut("func's operator has no part in a mesh", ""),
		"subscriptions": t.leftOut("there is no broker of Knative Eventing here to subscribe to",
			"post its events to the function, or declare a pubsub trigger in a mesh"),
		"healthEndpoints": t.within(fields{
			"liveness":  t.as("livenessProbe", "httpGet", "path"),
			"readiness": t.as("readinessProbe", "httpGet", "path"),
		}),
		"options": t.options,
	}
	top := fields{
		"specVersion": t.none, "name": t.none, "namespace": t.none, "created": t.none,
		"runtime":          t.runtime,
		"registry":         t.registry,
		"image":            t.as("image"),
		"registryInsecure": t.leftOut("registries are checked unless a command says otherwise", "say weft build --insecure"),
		"domain":           t.leftOut("a mesh takes requests for any host", "name it in a mesh, as a host of the function's http trigger"),
		"deployer":         t.deployer,
		"invoke":           t.invoke,
		"build":            t.within(build),
		"run":              t.within(run),
		"deploy":           t.within(deploy),
	}
	t.version(top, build, run, deploy)
	t.walk(t.doc, top)
}

const ownBuilder = "Weft builds the image itself"

// version reads which version of func.yaml it is, and adds what an old one has
// elsewhere: func moves it at its next command.
func (t *funcYAML) version(top, build, run, deploy fields) {
	version, known := [3]int{}, t.doc.find("specVersion")
	if known != nil && known.kind != null {
		if n, err := fmt.Sscanf(known.value, "%d.%d.%d", &version[0], &version[1], &version[2]); err != nil || n != 3 {
			t.fault(known.at, "%s is not a version, such as 0.36.0", known.describe())
			return
		}
	}
	if slices.Compare(version[:], newestFunc[:]) > 0 {
		t.ds.warn(known.at, "is newer than 0.36.0, the last that is known here").Hint = "fields that are new are left out"
	}
	if slices.Compare(version[:], sortedFunc[:]) >= 0 {
		return
	}
	for _, part := range []fields{build, run, deploy} {
		for key, do := range part {
			// The ones of a run came first; builds had no volumes then.
			if _, ours := top[key]; !ours && key != "volumes" {
				top[key] = do
			}
		}
	}
	top["volumes"] = run["volumes"]
	top["builders"], top["version"], top["trigger"] = build["builderImages"], t.none, t.none
	top["invocation"] = t.within(fields{"format": t.invoke})
}

func (t *funcYAML) runtime(e entry) {
	if t.runs && e.value.value != "go" {
		t.fault(e.at, "%s: Weft builds functions in Go only", e.value.describe()).Hint =
			"write a " + DefaultFile + " in which the function has a command that starts it, or the url where it runs"
	}
}

// registry makes the name of the image, as func does, where there is none.
func (t *funcYAML) registry(e entry) {
	if image := t.doc.text("image"); image != "" || e.value.value == "" {
		return
	}
	name := t.doc.text("name")
	t.set(e, textAt(e.value.at, strings.Trim(e.value.value, "/")+"/"+name+":latest"), "image")
}

func (t *funcYAML) builder(e entry) {
	if e.value.value != "host" {
		t.leftOut(ownBuilder, "it needs no container engine, as func build --builder=host")(e)
	}
}

func (t *funcYAML) deployer(e entry) {
	switch e.value.value {
	case "knative", "keda":
		t.as("scaler")(e)
	case "raw":
		t.leftOut("functions of a mesh are scaled, by Knative or KEDA", "")(e)
	default:
		t.fault(e.at, "%s is not knative, keda or raw", e.value.describe())
	}
}

func (t *funcYAML) invoke(e entry) {
	if v := e.value.value; v != "http" && v != "cloudevent" && v != "" {
		t.fault(e.at, "%s is not http or cloudevent", e.value.describe())
	}
}
