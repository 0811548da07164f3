package mesh

import (
	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
)

// DefaultCondition holds for a link that names none.
const DefaultCondition = "status == 'success'"

// The values of the variable status: how a call ended.
const (
	StatusSuccess = "success"
	StatusError   = "error"
)

// Condition is a compiled CEL expression that decides whether an output takes
// a link.
type Condition struct {
	text    string
	program cel.Program
	names   map[string]bool
}

// Vars are the variables of a condition.
type Vars struct {
	// Status is StatusSuccess or StatusError.
	Status string
	// Result is the output's data as encoding/json gives it: map[string]any,
	// []any, string, float64, bool or nil.
	Result any
	// Error is the text of the error, "" on success.
	Error string
	// Event holds the output's CloudEvents attributes and extensions.
	Event map[string]any
}

// CompileCondition compiles text; an empty text is DefaultCondition. The
// error names position and reason as CEL gives them.
func CompileCondition(text string) (*Condition, error) {
	if text == "" {
		text = DefaultCondition
	}
	env, err := conditionEnv()
	if err != nil {
		return nil, err
	}
	return compile(env, text)
}

// String returns the expression.
func (c *Condition) String() string { return c.text }

// NeedsResult reports whether the expression reads result, so that a router
// need not decode data for conditions that do not look at it.
func (c *Condition) NeedsResult() bool { return c.names["result"] }

// TakesErrors reports whether the expression names status or error: only such
// links are offered outputs of failed calls.
func (c *Condition) TakesErrors() bool { return c.names["status"] || c.names["error"] }

// Eval evaluates the condition. An error means that it could not be evaluated,
// such as a missing field; callers treat that as false.
func (c *Condition) Eval(v Vars) (bool, error) {
	out, _, err := c.program.Eval(map[string]any{
		"status": v.Status, "result": v.Result, "error": v.Error, "event": v.Event,
	})
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	return ok && b, nil
}

func names(a *celast.AST) map[string]bool {
	found := make(map[string]bool)
	for _, ref := range a.ReferenceMap() {
		if ref.Name != "" {
			found[ref.Name] = true
		}
	}
	return found
}
