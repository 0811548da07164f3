package mesh

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/weftmesh/weft/api/v1beta1"
)

// check looks at what only the whole plan shows.
func (c *compiler) check() {
	c.checkComponents()
	for _, f := range c.plan.Functions {
		path := fmt.Sprintf("spec.functions[%d]", f.Index)
		c.checkScaling(path, f)
		c.checkRetry(path+".retry", f.Spec.Retry, f.Retry)
		for i, t := range f.Triggers {
			c.checkTrigger(fmt.Sprintf("%s.triggers[%d]", path, i), t)
			if t.Events && len(f.Out) > 0 {
				// Answered to an event, its output would go to the sender only.
				c.problems.errorf(fmt.Sprintf("%s.triggers[%d].events", path, i), "%s is linked to %s, where the answers to events from outside would not go", f.Name, f.Out[0].To.Name).Hint =
					"leave it out: the data of a request has its output routed"
			}
		}
		if f.Name != "" && !c.mayBeCalled(f) {
			c.problems.warnf(path, "nothing calls %s", f.Name).Hint = "give it a trigger or a connection that leads to it"
		}
	}
	for _, l := range c.plan.Links {
		path := fmt.Sprintf("spec.connections[%d]", l.Index)
		c.checkRetry(path+".retry", c.mesh.Spec.Connections[l.Index].Retry, l.Retry)
		c.checkBudget(path, l)
	}
	if access := c.mesh.Spec.Policies.Access; access != nil {
		for i, r := range access.Rules {
			c.checkCEL(fmt.Sprintf("spec.policies.access.rules[%d].allow", i), r.Allow, accessVars)
		}
	}
	c.checkCycles()
}

// mayBeCalled says whether anything may call f: a trigger, a link, the code of
// another function; or topics and input bindings, of which only f itself may
// know, if it sees a component that may have them.
func (c *compiler) mayBeCalled(f *Function) bool {
	return len(f.In) > 0 || len(f.Triggers) > 0 || len(f.PubSubs) > 0 || len(f.Bindings) > 0 ||
		slices.ContainsFunc(c.plan.Functions, func(from *Function) bool { return from != f && c.plan.MayCall(from, f) })
}

// checkComponents reports what functions and the mesh name that no component
// is, or that is of the wrong kind.
func (c *compiler) checkComponents() {
	for _, f := range c.plan.Functions {
		path := fmt.Sprintf("spec.functions[%d]", f.Index)
		for i, name := range f.Spec.State {
			c.needs(fmt.Sprintf("%s.state[%d]", path, i), name, kindState, f)
		}
		for i, name := range f.Spec.Bindings {
			c.needs(fmt.Sprintf("%s.bindings[%d]", path, i), name, kindBinding, f)
		}
		for i, t := range f.Triggers {
			at := fmt.Sprintf("%s.triggers[%d].component", path, i)
			switch t.Type {
			case v1beta1.TriggerPubSub:
				if t.Component == "" && c.plan.Broker == "" {
					c.problems.errorf(at, "is missing").Hint = "name the pubsub component of the topic; the mesh has no broker to take for it"
				}
				c.needs(at, t.Component, kindPubSub, nil)
			case v1beta1.TriggerBinding:
				c.needs(at, t.Component, kindBinding, nil)
			case v1beta1.TriggerPostgres:
				c.needs(fmt.Sprintf("%s.triggers[%d].connection", path, i), t.Connection, "", nil)
			}
		}
	}
	c.needs("spec.broker", c.plan.Broker, kindPubSub, nil)
}

// needs reports a name that is no component of the kind ("" for any), or one
// whose scopes leave f out.
func (c *compiler) needs(path, name, kind string, f *Function) {
	if name == "" {
		return
	}
	comp, ok := c.plan.Components[name]
	if !ok || comp.Type == TypeEmbedded && kind != kindState {
		var names []string
		for n, other := range c.plan.Components {
			if kind == "" || kindOf(other) == kind {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		what := "component"
		if kind != "" {
			what = kind + " component"
		}
		c.unknown(path, what, name, names)
		return
	}
	if kind != "" && comp.Type != "" && kindOf(comp) != kind {
		c.problems.errorf(path, "the component %q is a %s, not a %s component", name, comp.Type, kind)
	}
	if f != nil && !c.plan.inScope(f, comp) {
		c.problems.errorf(path, "the scopes of component %q leave %s out", name, f.Name).Hint =
			"add it to the scopes, which are " + strings.Join(comp.Scopes, ", ")
	}
}

// checkScaling reports a minimum above the maximum where one comes from the
// function and the other from the policies.
func (c *compiler) checkScaling(path string, f *Function) {
	own := f.Spec.Scaling
	if own == nil || f.Scaling.Min <= f.Scaling.Max || own.MinReplicas != nil && own.MaxReplicas != nil {
		return
	}
	if own.MinReplicas != nil {
		c.problems.errorf(path+".scaling.minReplicas", "%d is more than maxReplicas of the policies, %d", f.Scaling.Min, f.Scaling.Max).Hint = "set maxReplicas here too"
		return
	}
	if own.MaxReplicas != nil {
		c.problems.errorf(path+".scaling.maxReplicas", "%d is less than minReplicas of the policies, %d", f.Scaling.Max, f.Scaling.Min).Hint = "set minReplicas here too"
	}
}

// checkRetry reports a first pause above the longest one where the two come
// from different places.
func (c *compiler) checkRetry(path string, own *v1beta1.Retry, in Retry) {
	if own == nil || in.InitialInterval <= in.MaxInterval || own.InitialInterval != nil && own.MaxInterval != nil {
		return
	}
	if own.InitialInterval != nil {
		c.problems.errorf(path+".initialInterval", "%s is more than the maxInterval in force, %s", v1beta1.ShortDuration(in.InitialInterval), v1beta1.ShortDuration(in.MaxInterval)).Hint = "set maxInterval here too"
	} else if own.MaxInterval != nil {
		c.problems.errorf(path+".maxInterval", "%s is less than the initialInterval in force, %s", v1beta1.ShortDuration(in.MaxInterval), v1beta1.ShortDuration(in.InitialInterval)).Hint = "set initialInterval here too"
	}
}

// checkBudget warns of a link whose event may take longer, all attempts and
// pauses together, than the mesh allows any call.
func (c *compiler) checkBudget(path string, l *Link) {
	total := time.Duration(l.Retry.MaxAttempts) * l.To.Timeout
	for n := 1; n < l.Retry.MaxAttempts; n++ {
		total += l.Retry.Pause(n)
	}
	if most := c.mesh.Spec.Policies.Timeout.Max.Duration; total > most && l.To.Timeout <= most {
		if c.mesh.Spec.Connections[l.Index].Retry != nil {
			path += ".retry"
		}
		c.problems.warnf(path, "%d attempts of %s and their pauses may take %s, more than policies.timeout.max, %s", l.Retry.MaxAttempts, v1beta1.ShortDuration(l.To.Timeout), v1beta1.ShortDuration(total), v1beta1.ShortDuration(most)).Hint =
			"lower maxAttempts or the timeout of " + l.To.Name
	}
}

// Variables of the CEL expressions that are not conditions.
var (
	accessVars = []string{"auth", "params", "caller"}
	authVars   = []string{"auth", "request"}
)

func (c *compiler) checkTrigger(path string, t v1beta1.Trigger) {
	if t.Auth != nil {
		c.checkCEL(path+".auth.allow", t.Auth.Allow, authVars)
	}
}

func (c *compiler) checkCEL(path, text string, vars []string) {
	if text == "" {
		return
	}
	if err := checkExpression(text, vars); err != nil {
		c.problems.errorf(path, "%v", err)
	}
}

// checkCycles warns of every cycle, spelled out from its first function in the
// file's order.
func (c *compiler) checkCycles() {
	for _, cycle := range c.plan.Cycles() {
		names := make([]string, 0, len(cycle)+1)
		for _, l := range cycle {
			names = append(names, l.From.Name)
		}
		names = append(names, names[0])
		last := cycle[len(cycle)-1]
		c.problems.warnf(fmt.Sprintf("spec.connections[%d]", last.Index), "closes the cycle %s", strings.Join(names, " -> ")).Hint =
			fmt.Sprintf("an event that is still going round after %d links becomes a dead letter", c.plan.MaxHops)
	}
}

// invalid turns what the API's validation found into problems.
func (c *compiler) invalid(errs field.ErrorList) {
	for _, e := range errs {
		p := c.problems.errorf(e.Field, "%s", e.Detail)
		value := quote(e.BadValue)
		switch e.Type {
		case field.ErrorTypeRequired:
			p.Message, p.Hint = "is missing", e.Detail
		case field.ErrorTypeDuplicate:
			p.Message, p.Hint = value+" is here twice", "remove or change one"
		case field.ErrorTypeNotSupported:
			var supported []string
			for _, m := range quoted.FindAllString(e.Detail, -1) {
				if s, err := strconv.Unquote(m); err == nil {
					supported = append(supported, s)
				}
			}
			p.Message = value + " is not one of " + strings.Join(supported, ", ")
			if near := Nearest(fmt.Sprint(e.BadValue), supported); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			}
		case field.ErrorTypeForbidden:
			p.Message, p.Hint, _ = strings.Cut(e.Detail, "; ")
		default:
			p.Message = value + " " + e.Detail
			if message, hint, ok := strings.Cut(p.Message, "; "); ok && strings.HasSuffix(e.Detail, hint) {
				p.Message, p.Hint = message, hint
			}
		}
	}
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// quote gives a value as it would stand in the file: durations and numbers
// plain, other text in quotes.
func quote(v any) string {
	s := fmt.Sprint(v)
	if d, err := time.ParseDuration(s); err == nil && s != "0" {
		return v1beta1.ShortDuration(d)
	}
	if _, ok := v.(string); !ok {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return s
		}
	}
	return strconv.Quote(s)
}
