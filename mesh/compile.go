package mesh

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/weftmesh/weft/api/v1beta1"
)

// defaultMaxHops bounds a cycle: high enough for any chain someone would
// write down, low enough that a loop ends within seconds.
const defaultMaxHops = 64

// Compile makes a Plan of a mesh and of the components declared beside it,
// which win over inline ones of the same name. fm is left as it is; the Plan
// holds a copy with defaults.
//
// The problems are all there are, not the first. With an error among them the
// Plan is nil; with warnings only, or none, it is complete.
func Compile(fm *v1beta1.FunctionMesh, components ...v1beta1.Component) (*Plan, Problems) {
	fm = fm.DeepCopy()
	fm.SetDefaults()

	c := compiler{mesh: fm}
	c.plan = &Plan{
		Name:       fm.Name,
		Namespace:  fm.Namespace,
		Components: make(map[string]v1beta1.Component),
		Broker:     fm.Spec.Broker,
		MaxHops:    defaultMaxHops,
		Mesh:       fm,
		byName:     make(map[string]*Function),
	}
	c.invalid(fm.Validate())
	c.components(components)
	c.functions()
	c.links()
	c.check()
	if len(c.problems.Errors()) > 0 {
		return nil, c.problems
	}
	return c.plan, c.problems
}

type compiler struct {
	mesh     *v1beta1.FunctionMesh
	plan     *Plan
	problems Problems
}

func (c *compiler) components(beside []v1beta1.Component) {
	for _, comp := range c.mesh.Spec.Components {
		c.plan.Components[comp.Name] = comp
	}
	for _, comp := range beside {
		comp := *comp.DeepCopy()
		comp.SetDefaults()
		c.invalid(comp.Validate(field.NewPath(PathOfComponent(comp.Name))))
		c.plan.Components[comp.Name] = comp
	}
	c.embedded()
}

func (c *compiler) functions() {
	declared := anyDeclares(c.mesh)
	for i := range c.mesh.Spec.Functions {
		f := c.function(i)
		f.State = c.plan.visible(f, kindState, f.Spec.State, declared)
		f.Bindings = c.plan.visible(f, kindBinding, f.Spec.Bindings, declared)
		f.PubSubs = c.plan.admitted(f, kindPubSub)
		f.SecretStores = c.plan.admitted(f, kindSecrets)
		c.plan.Functions = append(c.plan.Functions, f)
		c.plan.byName[f.KubeName] = f
	}
	// Names as written come last: they win over another's kebab-case.
	for _, f := range c.plan.Functions {
		c.plan.byName[f.Name] = f
	}
}

func (c *compiler) function(i int) *Function {
	p, spec, policies := c.plan, &c.mesh.Spec.Functions[i], &c.mesh.Spec.Policies
	kube := v1beta1.KubeName(spec.Name)
	f := &Function{
		Name:        spec.Name,
		KubeName:    kube,
		Service:     ServiceName(p.Name, spec.Name),
		Source:      "/" + p.Namespace + "/" + p.Name + "/" + kube,
		Type:        p.Name + "." + kube + ".output",
		Stream:      "WEFT_" + p.Namespace + "_" + p.Name + "_" + kube,
		Subject:     "weft." + p.Namespace + "." + p.Name + "." + kube,
		Index:       i,
		Triggers:    spec.Triggers,
		Env:         spec.Env,
		Resources:   spec.Resources,
		Concurrency: v1beta1.DefaultConcurrency,
		Timeout:     policies.Timeout.Default.Duration,
		Retry:       retryOf(spec.Retry, &policies.Retry),
		Breaker:     breakerOf(policies.CircuitBreaker, spec.CircuitBreaker),
		Calls:       spec.Calls,
		Spec:        spec,
	}
	if spec.Concurrency != nil {
		f.Concurrency = int(*spec.Concurrency)
	}
	if spec.Timeout != nil {
		f.Timeout = spec.Timeout.Duration
	}
	f.Scaling = scalingOf(policies.Scaling, spec.Scaling, f.Concurrency)
	return f
}

func (c *compiler) links() {
	for i := range c.mesh.Spec.Connections {
		spec := &c.mesh.Spec.Connections[i]
		path := fmt.Sprintf("spec.connections[%d]", i)
		from, to := c.end(path+".from", spec.From), c.end(path+".to", spec.To)
		condition, err := CompileCondition(spec.Condition)
		if err != nil {
			c.problems.errorf(path+".condition", "%v", err).Hint = "a condition is CEL, such as result.valid == true"
		}
		if from == nil || to == nil {
			continue
		}
		l := &Link{
			Index:     i,
			From:      from,
			To:        to,
			Condition: condition,
			Retry:     retryOf(spec.Retry, to.Spec.Retry, &c.mesh.Spec.Policies.Retry),
		}
		c.plan.Links = append(c.plan.Links, l)
		from.Out = append(from.Out, l)
		to.In = append(to.In, l)
	}
}

// end finds a function by name, or reports that there is none.
func (c *compiler) end(path, name string) *Function {
	f := c.plan.Function(name)
	if f == nil && name != "" {
		c.unknown(path, "function", name, c.functionNames())
	}
	return f
}

// unknown reports a name that nothing has, with the nearest one that something
// does have.
func (c *compiler) unknown(path, what, name string, names []string) {
	p := c.problems.errorf(path, "there is no %s %q", what, name)
	switch near := Nearest(name, names); {
	case near != "":
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	case len(names) > 0 && len(names) <= 8:
		p.Hint = "there are " + strings.Join(names, ", ")
	case len(names) == 0:
		p.Hint = "the mesh declares none"
	}
}

func (c *compiler) functionNames() []string {
	var names []string
	for _, f := range c.plan.Functions {
		if f.Name != "" {
			names = append(names, f.Name)
		}
	}
	return names
}
