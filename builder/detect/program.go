package detect

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// program judges a package main. What it serves is its own affair; that it
// has a main function is not.
func (p *pkg) program() (Handler, error) {
	fn := p.funcs["main"]
	if fn == nil {
		e := &Error{Pos: p.at(p.files[0].Name.Pos()), Reason: "it is package main without a function main"}
		found, _ := p.candidates()
		if len(found) > 0 {
			e.Reason += fmt.Sprintf(": a package that holds a handler for %s has another name, such as package function", found[0].Kind)
			e.Notes = []string{p.line(found[0])}
		}
		return Handler{}, e
	}
	h := Handler{Kind: Program, Package: "main", Symbol: "main", Signature: "func main()", Pos: p.at(fn.Pos()), Why: "it is package main, and runs as it is"}
	for _, f := range p.files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if from, name := p.called(f, call.Fun); from == weft && name == "Main" {
					h.Why = "it is package main, and calls fn.Main"
				}
			}
			return true
		})
	}
	return h, nil
}

// nothing is what to say of a package that does not resemble a handler.
func (p *pkg) nothing() *Error {
	return &Error{Pos: token.Position{Filename: p.shown}, Reason: fmt.Sprintf("package %s holds no handler; it needs one of these", p.name), Notes: []string{
		"package main with func main that ends in fn.Main(), or serves HTTP on $PORT",
		"func Handle(http.ResponseWriter, *http.Request), or one of the CloudEvents forms, or func New() (Knative func)",
		"func init() { functions.HTTP(\"" + strings.ToLower(p.name) + "\", handler) } (functions-framework-go), or fn.HTTP",
		"func Name(ofctx.Context, []byte) (ofctx.Out, error) (OpenFunction)",
	}}
}
