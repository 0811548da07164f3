package subscriptions

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
)

// maxRule bounds the length of a rule in bytes: beyond it no one can read it.
const maxRule = 4096

// maxRuleCost bounds the work of one evaluation, in CEL's units of about one
// operation each.
const maxRuleCost = 100_000

// rule is a Rule that can be asked. A nil program matches everything.
type rule struct {
	Rule
	program cel.Program
}

// ruleEnv is built once: it costs about a millisecond and a megabyte.
var ruleEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("event", cel.DynType))
})

// compileRule compiles a rule as Dapr reads it: CEL over event, the CloudEvent
// as a map; an empty expression matches everything.
func compileRule(match, path string) (rule, error) {
	r := rule{Rule: Rule{Match: strings.TrimSpace(match)}}
	var err error
	if r.Path, err = cleanPath(path); err != nil {
		return rule{}, err
	}
	if r.Match == "" {
		return r, nil
	}
	if len(r.Match) > maxRule {
		return rule{}, fmt.Errorf("the rule is longer than %d bytes", maxRule)
	}
	env, err := ruleEnv()
	if err != nil {
		return rule{}, fmt.Errorf("set up CEL: %w", err)
	}
	ast, issues := env.Compile(r.Match)
	if issues.Err() != nil {
		// The first is the cause; what follows it mostly repeats it.
		first := issues.Errors()[0]
		return rule{}, fmt.Errorf("the rule %q does not compile: column %d: %s", r.Match, first.Location.Column()+1, first.Message)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return rule{}, fmt.Errorf("the rule %q gives %s, not bool", r.Match, t)
	}
	if r.program, err = env.Program(ast, cel.CostLimit(maxRuleCost)); err != nil {
		return rule{}, fmt.Errorf("the rule %q does not compile: %w", r.Match, err)
	}
	return r, nil
}

// matches evaluates the rule over an event.
func (r *rule) matches(event any) (bool, error) {
	if r.program == nil {
		return true, nil
	}
	out, _, err := r.program.Eval(map[string]any{"event": event})
	if err != nil {
		return false, fmt.Errorf("rule %q: %w", r.Match, err)
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("rule %q gives %s, not bool", r.Match, out.Type().TypeName())
	}
	return b, nil
}

// errNoRoute says that no rule takes an event and there is no default.
var errNoRoute = errors.New("no route takes the event")

// route finds the path of the first rule that matches.
func route(rules []rule, event any) (string, error) {
	for i := range rules {
		ok, err := rules[i].matches(event)
		if err != nil {
			return "", err
		}
		if ok {
			return rules[i].Path, nil
		}
	}
	return "", errNoRoute
}
