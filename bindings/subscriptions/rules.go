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

// rulePart says what of a rule an error is about.
type rulePart int

const (
	rulePath rulePart = iota
	ruleMatch
)

// compileRule compiles a rule as Dapr reads it: CEL over event, the CloudEvent
// as a map; an empty expression matches everything.
func compileRule(match, path string) (r rule, part rulePart, err error) {
	if r.Path, err = cleanPath(path); err != nil {
		return rule{}, rulePath, err
	}
	r.Match = strings.TrimSpace(match)
	if r.program, err = compileMatch(r.Match); err != nil {
		return rule{}, ruleMatch, err
	}
	return r, 0, nil
}

// compileMatch compiles the expression of a rule; nil if it is empty.
func compileMatch(match string) (cel.Program, error) {
	if match == "" {
		return nil, nil
	}
	if len(match) > maxRule {
		return nil, fmt.Errorf("the rule is longer than %d bytes", maxRule)
	}
	env, err := ruleEnv()
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	ast, issues := env.Compile(match)
	if issues.Err() != nil {
		// The first is the cause; what follows it mostly repeats it.
		first := issues.Errors()[0]
		return nil, fmt.Errorf("the rule %q does not compile: column %d: %s", match, first.Location.Column()+1, first.Message)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("the rule %q gives %s, not bool", match, t)
	}
	program, err := env.Program(ast, cel.CostLimit(maxRuleCost))
	if err != nil {
		return nil, fmt.Errorf("the rule %q does not compile: %w", match, err)
	}
	return program, nil
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
