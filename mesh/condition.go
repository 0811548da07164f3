package mesh

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/interpreter"
)

// DefaultCondition holds for a link that names none.
const DefaultCondition = "status == 'success'"

// The values of the variable status: how a call ended.
const (
	StatusSuccess = "success"
	StatusError   = "error"
)

// The variables of a condition.
const (
	varStatus = "status"
	varResult = "result"
	varError  = "error"
	varEvent  = "event"
)

// maxCost bounds the work of one evaluation, in CEL's units of about one
// operation each: some forty milliseconds.
const maxCost = 100_000

// maxText bounds the length of an expression: beyond it no one can read it.
const maxText = 4096

// Condition is a compiled CEL expression that decides whether an output takes
// a link. It is safe for concurrent use.
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

// conditionEnv is built once: it costs about a millisecond and a megabyte.
var conditionEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable(varStatus, cel.StringType),
		cel.Variable(varResult, cel.DynType),
		cel.Variable(varError, cel.StringType),
		cel.Variable(varEvent, cel.MapType(cel.StringType, cel.DynType)),
		// Numbers in JSON are doubles, literals in an expression mostly ints.
		cel.CrossTypeNumericComparisons(true),
	)
})

// CompileCondition compiles text; an empty text is DefaultCondition. The
// error says what is wrong and where in the expression.
func CompileCondition(text string) (*Condition, error) {
	if strings.TrimSpace(text) == "" {
		text = DefaultCondition
	}
	env, err := conditionEnv()
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	ast, err := check(env, text, []string{varStatus, varResult, varError, varEvent})
	if err != nil {
		return nil, err
	}
	prg, err := env.Program(ast, programOptions(ast.NativeRep())...)
	if err != nil {
		return nil, err
	}
	return &Condition{text: text, program: prg, names: freeNames(ast.NativeRep().Expr())}, nil
}

// String returns the expression.
func (c *Condition) String() string { return c.text }

// NeedsResult reports whether the expression reads result, so that a router
// need not decode data for conditions that do not look at it.
func (c *Condition) NeedsResult() bool { return c.names[varResult] }

// TakesErrors reports whether the expression names status or error: only such
// links are offered outputs of failed calls.
func (c *Condition) TakesErrors() bool { return c.names[varStatus] || c.names[varError] }

// Eval evaluates the condition. An error means that it could not be evaluated,
// such as a missing field; callers treat that as false.
func (c *Condition) Eval(v Vars) (bool, error) {
	out, _, err := c.program.Eval(&v)
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("gives %s, not bool", out.Type().TypeName())
	}
	return b, nil
}

// ResolveName and Parent make Vars an interpreter.Activation, which saves a
// map per evaluation.
func (v *Vars) ResolveName(name string) (any, bool) {
	switch name {
	case varStatus:
		return v.Status, true
	case varResult:
		return v.Result, true
	case varError:
		return v.Error, true
	case varEvent:
		return v.Event, true
	}
	return nil, false
}

// Parent implements interpreter.Activation; there is none.
func (v *Vars) Parent() interpreter.Activation { return nil }

// checkExpression says what is wrong with a boolean expression over variables
// of any type.
func checkExpression(text string, vars []string) error {
	opts := []cel.EnvOption{cel.CrossTypeNumericComparisons(true)}
	for _, v := range vars {
		opts = append(opts, cel.Variable(v, cel.DynType))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return fmt.Errorf("set up CEL: %w", err)
	}
	_, err = check(env, text, vars)
	return err
}

// check parses and type-checks an expression that must be a boolean.
func check(env *cel.Env, text string, vars []string) (*cel.Ast, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("is longer than %d characters", maxText)
	}
	ast, iss := env.Parse(text)
	if iss.Err() != nil {
		return nil, issuesError(iss, vars)
	}
	doubles(ast.NativeRep().Expr())
	ast, iss = env.Check(ast)
	if iss.Err() != nil {
		return nil, issuesError(iss, vars)
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, fmt.Errorf("is of type %s, not bool", t)
	}
	return ast, nil
}

// programOptions bounds the cost of expressions that loop. What does not loop
// is bounded by its own length, and counting would double its time.
func programOptions(a *celast.AST) []cel.ProgramOption {
	opts := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	loops := false
	celast.PostOrderVisit(a.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		loops = loops || e.Kind() == celast.ComprehensionKind
	}))
	if loops {
		opts = append(opts, cel.CostLimit(maxCost))
	}
	return opts
}

// issuesError gives all issues in one line. Where a variable is unknown it
// names those that there are.
func issuesError(iss *cel.Issues, vars []string) error {
	var parts []string
	for _, e := range iss.Errors() {
		msg := strings.ReplaceAll(e.Message, " (in container '')", "")
		// The parser lists every token that could have stood there.
		msg, _, _ = strings.Cut(msg, " expecting {")
		if name, ok := strings.CutPrefix(msg, "undeclared reference to "); ok && !strings.Contains(name, "function") {
			msg += " (variables are " + strings.Join(vars, ", ") + ")"
		}
		if e.Location.Line() > 1 || e.Location.Column() > 0 {
			msg = fmt.Sprintf("at %d:%d: %s", e.Location.Line(), e.Location.Column()+1, msg)
		}
		parts = append(parts, msg)
	}
	return errors.New(strings.Join(parts, ", "))
}

// freeNames collects the variables that an expression names: identifiers, not
// fields (result.status does not name status), and not those that a macro
// binds (result.all(status, status > 0) does not either).
func freeNames(e celast.Expr) map[string]bool {
	found := make(map[string]bool)
	var walk func(e celast.Expr, bound map[string]bool)
	walk = func(e celast.Expr, bound map[string]bool) {
		switch e.Kind() {
		case celast.IdentKind:
			if name := strings.TrimPrefix(e.AsIdent(), "."); !bound[name] {
				found[name] = true
			}
		case celast.SelectKind:
			walk(e.AsSelect().Operand(), bound)
		case celast.CallKind:
			if e.AsCall().IsMemberFunction() {
				walk(e.AsCall().Target(), bound)
			}
			for _, arg := range e.AsCall().Args() {
				walk(arg, bound)
			}
		case celast.ListKind:
			for _, el := range e.AsList().Elements() {
				walk(el, bound)
			}
		case celast.MapKind:
			for _, entry := range e.AsMap().Entries() {
				walk(entry.AsMapEntry().Key(), bound)
				walk(entry.AsMapEntry().Value(), bound)
			}
		case celast.StructKind:
			for _, field := range e.AsStruct().Fields() {
				walk(field.AsStructField().Value(), bound)
			}
		case celast.ComprehensionKind:
			loop := e.AsComprehension()
			walk(loop.IterRange(), bound)
			walk(loop.AccuInit(), bound)
			inner := map[string]bool{loop.IterVar(): true, loop.IterVar2(): true, loop.AccuVar(): true}
			for name := range bound {
				inner[name] = true
			}
			walk(loop.LoopCondition(), inner)
			walk(loop.LoopStep(), inner)
			walk(loop.Result(), inner)
		}
	}
	walk(e, nil)
	return found
}
