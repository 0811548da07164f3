package mesh

import (
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// doubles makes whole-number literals doubles where they meet the output's
// data in arithmetic: every number of JSON is a double, and CEL has no
// operator for a double and an int, so result.price * 2 > 10 would never hold.
// Where such arithmetic is compared for equality CEL asks for the same type on
// both sides, so literals there change with it; < and > need no help. The
// expression is changed in place.
func doubles(e celast.Expr) {
	d := doubler{factory: celast.NewExprFactory()}
	d.walk(e, map[string]bool{varResult: true})
}

type doubler struct{ factory celast.ExprFactory }

// walk visits e; data holds the variables whose values come from the output.
func (d *doubler) walk(e celast.Expr, data map[string]bool) {
	switch e.Kind() {
	case celast.SelectKind:
		d.walk(e.AsSelect().Operand(), data)
	case celast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			d.walk(call.Target(), data)
		}
		for _, arg := range call.Args() {
			d.walk(arg, data)
		}
		name := call.FunctionName()
		if args := call.Args(); len(args) == 2 && (arithmetic[name] || name == operators.Equals || name == operators.NotEquals) {
			d.meet(args[0], args[1], data)
			d.meet(args[1], args[0], data)
		}
	case celast.ListKind:
		for _, el := range e.AsList().Elements() {
			d.walk(el, data)
		}
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			d.walk(entry.AsMapEntry().Key(), data)
			d.walk(entry.AsMapEntry().Value(), data)
		}
	case celast.ComprehensionKind:
		loop := e.AsComprehension()
		d.walk(loop.IterRange(), data)
		d.walk(loop.AccuInit(), data)
		inner := make(map[string]bool, len(data)+2)
		for name, is := range data {
			inner[name] = is
		}
		from := comesFrom(loop.IterRange(), data)
		inner[loop.IterVar()], inner[loop.IterVar2()], inner[loop.AccuVar()] = from, from, false
		d.walk(loop.LoopCondition(), inner)
		d.walk(loop.LoopStep(), inner)
		d.walk(loop.Result(), inner)
	}
}

var arithmetic = map[string]bool{
	operators.Add: true, operators.Subtract: true, operators.Multiply: true, operators.Divide: true,
}

// meet makes a literal a double if the other operand is data, or arithmetic on
// data.
func (d *doubler) meet(literal, other celast.Expr, data map[string]bool) {
	if literal.Kind() != celast.LiteralKind || !comesFrom(other, data) {
		return
	}
	if i, ok := literal.AsLiteral().(types.Int); ok {
		literal.SetKindCase(d.factory.NewLiteral(literal.ID(), types.Double(i)))
	}
}

// comesFrom says whether e is a variable among data, a field or an element of
// one, or arithmetic on such.
func comesFrom(e celast.Expr, data map[string]bool) bool {
	switch e.Kind() {
	case celast.IdentKind:
		return data[e.AsIdent()]
	case celast.SelectKind:
		return !e.AsSelect().IsTestOnly() && comesFrom(e.AsSelect().Operand(), data)
	case celast.CallKind:
		call := e.AsCall()
		switch name := call.FunctionName(); {
		case name == operators.Index || name == operators.Negate:
			return comesFrom(call.Args()[0], data)
		case arithmetic[name] && len(call.Args()) == 2:
			return comesFrom(call.Args()[0], data) || comesFrom(call.Args()[1], data)
		}
	}
	return false
}
