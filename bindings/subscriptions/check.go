package subscriptions

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// Check compares the Subscription documents beside a mesh with its plan. What
// keeps a subscription from being one at all is an error: a field that is
// missing, a rule that does not compile, a component that is not there. What
// leaves it without effect is a warning: a scope that is no function's, a
// component that the function does not see, a topic that is subscribed to
// before. The problems' paths are those of mesh.PathOfSubscription, without a
// place.
func Check(p *mesh.Plan, declared []source.Subscription) mesh.Problems {
	c := checker{plan: p, first: make(map[claimed]string)}
	for i := range declared {
		c.check(&declared[i])
	}
	return c.problems
}

// claimed is a topic of a function: the first subscription to it counts.
type claimed struct {
	function *mesh.Function
	key
}

type checker struct {
	plan     *mesh.Plan
	problems mesh.Problems
	first    map[claimed]string
}

func (c *checker) check(s *source.Subscription) {
	path := mesh.PathOfSubscription(s.Name)
	var wrong faults
	if _, err := compile(askedBy(s)); errors.As(err, &wrong) {
		for _, f := range wrong {
			c.problems = append(c.problems, mesh.Problem{Path: path + ".spec." + f.field, Message: f.message, Hint: f.hint})
		}
	}
	known := s.PubsubName != "" && c.component(path+".spec.pubsubname", s)
	inScope := c.scopes(path, s)
	if !known || len(wrong) > 0 {
		return
	}
	var blind []string
	for _, f := range inScope {
		if !slices.Contains(f.PubSubs, s.PubsubName) {
			blind = append(blind, f.Name)
		}
	}
	if len(blind) > 0 && (len(s.Scopes) > 0 || len(blind) == len(inScope)) {
		c.warn(path+".spec.pubsubname", "the scopes of component %q leave %s out", s.PubsubName, strings.Join(blind, ", ")).Hint =
			"add it to the scopes, which are " + strings.Join(c.plan.Components[s.PubsubName].Scopes, ", ")
	}
	for _, f := range inScope {
		topic := claimed{f, key{s.PubsubName, s.Topic}}
		if other, taken := c.first[topic]; taken {
			c.warn(path+".spec.topic", "subscription %s brings %s to %s before, and the first counts", other, s.Topic, f.Name).Hint =
				"write the rules into one subscription"
			break
		}
		c.first[topic] = s.Name
	}
}

// component checks the component that a subscription names.
func (c *checker) component(path string, s *source.Subscription) bool {
	comp, declared := c.plan.Components[s.PubsubName]
	if declared && strings.HasPrefix(comp.Type, "pubsub.") {
		return true
	}
	if declared && comp.Type != mesh.TypeEmbedded {
		c.problems = append(c.problems, mesh.Problem{
			Path: path, Message: fmt.Sprintf("the component %q is a %s, not a pubsub component", s.PubsubName, comp.Type),
		})
		return false
	}
	var names []string
	for name, comp := range c.plan.Components {
		if strings.HasPrefix(comp.Type, "pubsub.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	problem := mesh.Problem{Path: path, Message: fmt.Sprintf("there is no pubsub component %q", s.PubsubName)}
	if problem.Hint = nearest(s.PubsubName, names); problem.Hint == "" {
		problem.Hint = "the mesh declares none"
	}
	c.problems = append(c.problems, problem)
	return false
}

// scopes checks the scopes of a subscription, and gives the functions that it
// is for.
func (c *checker) scopes(path string, s *source.Subscription) []*mesh.Function {
	var names []string
	var inScope []*mesh.Function
	for _, f := range c.plan.Functions {
		names = append(names, f.Name)
		if scoped(s.Scopes, f) {
			inScope = append(inScope, f)
		}
	}
	for i, scope := range s.Scopes {
		if !slices.ContainsFunc(inScope, func(f *mesh.Function) bool { return scoped([]string{scope}, f) }) {
			c.warn(fmt.Sprintf("%s.scopes[%d]", path, i), "there is no function %q", scope).Hint = nearest(scope, names)
		}
	}
	return inScope
}

func (c *checker) warn(path, format string, args ...any) *mesh.Problem {
	c.problems = append(c.problems, mesh.Problem{Severity: mesh.Warning, Path: path, Message: fmt.Sprintf(format, args...)})
	return &c.problems[len(c.problems)-1]
}

// fewNames is how many names a hint lists.
const fewNames = 8

// nearest says which of the names is meant, or which there are; "" if there is
// none to name.
func nearest(name string, names []string) string {
	if near := mesh.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(names) == 0 || len(names) > fewNames {
		return ""
	}
	return "there are " + strings.Join(names, ", ")
}
