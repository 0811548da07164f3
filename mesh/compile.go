package mesh

import (
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
)

// limits of names and defaults.
const (
	defaultNamespace = "default"
	defaultMaxHops   = 64
)

func conditionEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("status", cel.StringType),
		cel.Variable("result", cel.DynType),
		cel.Variable("error", cel.StringType),
		cel.Variable("event", cel.MapType(cel.StringType, cel.DynType)),
	)
}

func compile(env *cel.Env, text string) (*Condition, error) {
	ast, iss := env.Compile(text)
	if iss.Err() != nil {
		return nil, iss.Err()
	}
	if ast.OutputType() != cel.BoolType && ast.OutputType() != cel.DynType {
		return nil, fmt.Errorf("is %s, not bool", ast.OutputType())
	}
	prg, err := env.Program(ast)
	if err != nil {
		return nil, err
	}
	return &Condition{text: text, program: prg, names: names(ast.NativeRep())}, nil
}

var _ = time.Second
