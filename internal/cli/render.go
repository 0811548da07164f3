package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/internal/version"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// What an installation of Weft has by default.
const (
	dataplaneImage = "ghcr.io/weftmesh/weft-dataplane"
	clusterNATS    = "nats://nats.weft-system.svc.cluster.local:4222"
	clusterBroker  = "weft-broker"
)

// clusterFlags say what a cluster has that a mesh is rendered for.
type clusterFlags struct {
	dataplane, nats, otlp string
	kedaPolls             bool
}

func (f *clusterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dataplane, "dataplane", dataplaneImage+":"+imageTag(version.Get().Version), "`IMAGE` of front and dispatchers")
	c.Flags().StringVar(&f.nats, "nats", clusterNATS, "`URL` of the NATS server that carries the links of a mesh without spec.broker")
	c.Flags().StringVar(&f.otlp, "otlp-endpoint", "", "OpenTelemetry `URL` that functions, front and dispatchers are told")
	c.Flags().BoolVar(&f.kedaPolls, "keda-polls", false, "let KEDA poll the brokers, where it cannot reach the fronts of meshes")
	alsoEnv(c, "dataplane", "nats", "otlp-endpoint", "keda-polls")
}

// imageTag is a version as a tag, which has no plus sign.
func imageTag(v string) string {
	if v == "" || strings.HasPrefix(v, "(") {
		return "latest"
	}
	return strings.ReplaceAll(v, "+", "-")
}

// settings of a cluster that has all that a mesh may need.
func (f *clusterFlags) settings() desired.Settings {
	return desired.Settings{
		Dataplane: f.dataplane,
		Broker: v1beta1.Component{Name: clusterBroker, Type: "pubsub.jetstream", Metadata: []v1beta1.ComponentMetadata{
			{Name: "natsURL", Value: f.nats},
		}},
		OTLPEndpoint: f.otlp, Polls: f.kedaPolls,
		Has: desired.Installed{Knative: true, KEDA: true, Dapr: true, HPA: true},
	}
}

func (a *app) renderCmd() *cobra.Command {
	var (
		flags             meshFlags
		cluster           clusterFlags
		namespace, images string
		format            string
		tokens            bool
	)
	c := &cobra.Command{
		Use:   "render",
		Short: "Print the Kubernetes resources of a mesh.",
		Long: `Print the Kubernetes resources that a mesh becomes on a cluster: those that the
controller would apply, for a repository that something else applies. The same
mesh gives the same text. Documents in local/ do not count; those in resources/
are applied as they are, and not printed.

What a cluster cannot do as the mesh says is told on stderr, with its place in
the file. If the mesh could not run like this, the exit code is 1.

The functions' tokens are random, and not printed with the rest; --tokens prints
them alone, to be created once.`,
		Example: `weft render -n shop > mesh.k8s.yaml
weft render -n shop --tokens | kubectl create -f -
weft build -o json | weft render --images - | kubectl apply -f -`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf(c, "-o", format, formatYAML, formatJSON); err != nil {
				return err
			}
			if err := flags.exists(); err != nil {
				return err
			}
			given := flags // without what is added to them below
			if err := a.pin(&flags, images); err != nil {
				return err
			}
			if namespace != "" {
				flags.set = append(flags.set, "metadata.namespace="+namespace)
			}
			bundle, err := a.loadForCluster(flags)
			if err != nil {
				return err
			}
			state := desired.Of(bundle.Plan, cluster.settings(), desired.Found{})
			if tokens {
				return a.printTokens(bundle.Plan, state, format)
			}
			if err := a.printObjects(withoutTokens(bundle.Plan, state.Objects), format); err != nil {
				return err
			}
			return a.printNotes(bundle, state.Notes, given)
		},
	}
	flags.add(c)
	cluster.add(c)
	c.Flags().StringVarP(&format, "output", "o", formatYAML, "`FORMAT`: yaml or json")
	complete(c, "output", formatYAML, formatJSON)
	c.Flags().BoolVar(&tokens, "tokens", false, "print the Secret with the functions' tokens alone, freshly made")
	c.Flags().StringVarP(&namespace, "namespace", "n", "", "`NAMESPACE` of the resources (default the file's, else default)")
	c.Flags().StringVar(&images, "images", "", "`FILE` with what weft build -o json printed, to pin images by digest; - for stdin")
	return c
}

// pin has the mesh name images by digest, as weft build printed them.
func (a *app) pin(flags *meshFlags, file string) error {
	if file == "" {
		return nil
	}
	in := a.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		defer f.Close()
		in = f
	}
	var built []builtImage
	if err := json.NewDecoder(in).Decode(&built); err != nil {
		return withHint(fmt.Errorf("--images %s: %w", file, err), "it is what this prints: weft build -o json")
	}
	for _, b := range built {
		if b.Name == "" || b.Image == "" || b.Digest == "" {
			return withHint(fmt.Errorf("--images %s: an entry has no name, image or digest", file), "it is what this prints: weft build -o json")
		}
		flags.set = append(flags.set, pinned(b))
	}
	return nil
}

// withoutTokens leaves out the Secret of tokens. Printed without data and
// applied, it would take away the tokens that are there.
func withoutTokens(p *mesh.Plan, objects []runtime.Object) []runtime.Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o runtime.Object) bool { return isTokens(p, o) })
}

func isTokens(p *mesh.Plan, o runtime.Object) bool {
	s, ok := o.(*corev1.Secret)
	return ok && s.Name == desired.TokensName(p.Name)
}

// printTokens prints the Secret of tokens, with new ones in it.
func (a *app) printTokens(p *mesh.Plan, state desired.State, format string) error {
	for _, o := range state.Objects {
		if isTokens(p, o) {
			secret := o.DeepCopyObject().(*corev1.Secret)
			secret.Data, _ = desired.FillTokens(p, nil)
			return a.printObjects([]runtime.Object{secret}, format)
		}
	}
	return errors.New("the mesh has no tokens") // it always has
}

// printObjects prints objects as YAML documents, or as one List in JSON.
func (a *app) printObjects(objects []runtime.Object, format string) error {
	items := make([]any, 0, len(objects))
	for _, o := range objects {
		clean, err := desired.Clean(o)
		if err != nil {
			return err
		}
		items = append(items, clean.Object)
	}
	if format == formatJSON {
		out := outputFlag{format: formatJSON}
		return out.print(a.Out, map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, nil)
	}
	for i, item := range items {
		text, err := yaml.Marshal(item)
		if err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := a.Out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// mayBeSecret finds overrides that could hold a password. What they set has no
// part in which tokens there are, so they are not repeated.
var mayBeSecret = regexp.MustCompile(`^\s*spec\.(components|functions(\.[^.[=]+|\[[^]=]*\])\.?env)\b`)

// printNotes prints notes as problems of the mesh, those alike for several
// functions as one.
func (a *app) printNotes(bundle *source.Bundle, notes []desired.Note, flags meshFlags) error {
	problems := bundle.Place(noteProblems(notes))
	for _, p := range problems {
		fmt.Fprintln(a.Err, p)
	}
	a.printBeside(bundle)
	name := desired.TokensName(bundle.Plan.Name)
	again := "weft render --tokens -n " + bundle.Plan.Namespace
	if flags.file != "" {
		again += " -f " + quoted(flags.file)
	}
	for _, set := range flags.set {
		if !mayBeSecret.MatchString(set) {
			again += " --set " + quoted(set)
		}
	}
	fmt.Fprintf(a.Err, "weft: the Secret %s is not among them; make it once: %s | kubectl create -f -\n", name, again)
	if n := len(problems.Errors()); n > 0 {
		return withHint(fmt.Errorf("the mesh cannot run like this: %s", plural(n, "fault")), "what was printed is complete but for those")
	}
	return nil
}

// printBeside says which components that the mesh uses are documents of their
// own.
func (a *app) printBeside(bundle *source.Bundle) {
	var names []string
	for name, c := range bundle.Plan.Components {
		inline := slices.ContainsFunc(bundle.Mesh.Spec.Components, func(i v1beta1.Component) bool { return i.Name == name })
		if !inline && c.Type != mesh.TypeEmbedded {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		fmt.Fprintf(a.Err, "weft: declared beside the mesh, and to be applied too: %s\n", strings.Join(names, ", "))
	}
}

func noteProblems(notes []desired.Note) mesh.Problems {
	var problems mesh.Problems
	functions := make(map[int][]string)
	find := make(map[desired.Note]int)
	for _, n := range notes {
		key := n
		key.Function = ""
		i, ok := find[key]
		if !ok {
			i = len(problems)
			find[key] = i
			p := mesh.Problem{Severity: mesh.Warning, Path: n.Path}
			if n.Blocking {
				p.Severity = mesh.Error
			}
			p.Message, p.Hint, _ = strings.Cut(n.Message, "; ")
			problems = append(problems, p)
		}
		if n.Function != "" {
			functions[i] = append(functions[i], n.Function)
		}
	}
	for i, names := range functions {
		problems[i].Message = strings.Join(names, ", ") + ": " + problems[i].Message
	}
	return problems
}
