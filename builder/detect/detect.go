package detect

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// Kind says which convention a handler follows.
type Kind string

// The kinds of handlers.
const (
	// Program is a package main; it needs no host.
	Program Kind = "program"
	// Weft is a package that registers with runtime/fn.
	Weft Kind = "runtime/fn"
	// FunctionsFramework is a package that registers with
	// functions-framework-go.
	FunctionsFramework Kind = "functions-framework-go"
	// Func is a package as Knative func expects it.
	Func Kind = "knative func"
	// OpenFunction is a handler of OpenFunction's framework.
	OpenFunction Kind = "openfunction"
)

// Form is what a handler is called with.
type Form string

// The forms of handlers.
const (
	HTTP       Form = "http"
	CloudEvent Form = "cloudevent"
	Typed      Form = "typed"
	// Event is the older form of functions-framework-go: a context and a
	// struct.
	Event Form = "event"
	// Context is OpenFunction's form.
	Context Form = "context"
)

// Options say how a directory is to be read.
type Options struct {
	// Target is the function's name, which chooses one of several handlers. It
	// may differ from the handler's in case and separators.
	Target string
	// Tags are the build tags in force, as for go build -tags.
	Tags []string
	// GOOS and GOARCH of the program; this machine's if empty.
	GOOS, GOARCH string
	// Cgo counts files that import "C".
	Cgo bool
	// Dir is how positions name the directory; as given to Detect if empty.
	Dir string
}

// Handler is what was found.
type Handler struct {
	Kind Kind
	// Form is empty for a Program, and for a package whose registrations do not
	// tell.
	Form Form
	// Package is the name of the package.
	Package string
	// Name is what the handler is registered as; of a Program and a Func empty.
	Name string
	// Path is what functions-framework-go serves the handler at, if it is
	// registered by path and not by name, and the path is a constant.
	Path string
	// Symbol is the function that is the handler, or New; empty if it is a
	// function literal or the result of a call.
	Symbol string
	// Instance says that Symbol is a constructor, and the handler a method of
	// what it returns.
	Instance bool
	// Hooks are those of Start, Stop, Ready and Alive that an Instance has.
	Hooks []string
	// Framework is the import path of the module that registered the handler,
	// with its major version.
	Framework string
	// Signature of the handler, as its source writes it in short.
	Signature string
	Pos       token.Position
	// Why is a sentence for people.
	Why string
}

// Detect says what handler the package in dir is. Its error is an *Error, or
// that of reading the directory.
func Detect(dir string, opts Options) (Handler, error) {
	p, err := load(dir, opts)
	if err != nil {
		return Handler{}, err
	}
	if p.name == "main" {
		return p.program()
	}
	found, faults := p.candidates()
	if len(found) > 0 {
		return p.choose(found, opts.Target)
	}
	if len(faults) > 0 {
		// The nearest miss says most.
		return Handler{}, slices.MinFunc(faults, func(a, b *Error) int { return cmp.Compare(a.distance, b.distance) })
	}
	return Handler{}, p.nothing()
}

// candidates are the handlers of all kinds, and what almost is one.
func (p *pkg) candidates() (found []Handler, faults []*Error) {
	for _, look := range []func() ([]Handler, []*Error){p.registered, p.knative, p.openFunctions} {
		hs, es := look()
		found, faults = append(found, hs...), append(faults, es...)
	}
	for _, e := range faults {
		if e.certain {
			return nil, []*Error{e}
		}
	}
	return found, faults
}

// choose picks the handler that the function's name asks for, if there are
// several.
func (p *pkg) choose(found []Handler, target string) (Handler, error) {
	for _, h := range found[1:] {
		if h.Kind != found[0].Kind {
			return Handler{}, &Error{Pos: h.Pos, Reason: "it is two kinds of handler at once: keep one",
				Notes: []string{p.line(found[0]), p.line(h)}}
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var named []Handler
	for _, h := range found {
		if target != "" && same(cmp.Or(h.Name, h.Symbol), target) {
			named = append(named, h)
		}
	}
	if len(named) == 1 {
		named[0].Why += fmt.Sprintf("; of %d handlers, the function's name chooses it", len(found))
		return named[0], nil
	}
	e := &Error{Pos: found[1].Pos, Reason: fmt.Sprintf("there are %d handlers, and none is named %q: name the function as one of them", len(found), target)}
	if target == "" {
		e.Reason = fmt.Sprintf("there are %d handlers: say which, by the function's name", len(found))
	}
	if len(named) > 1 {
		e.Reason = fmt.Sprintf("%d handlers are named %q: rename all but one", len(named), target)
	}
	for _, h := range found {
		e.Notes = append(e.Notes, p.line(h))
	}
	return Handler{}, e
}

// line is how a handler is listed.
func (p *pkg) line(h Handler) string {
	name := cmp.Or(h.Name, h.Symbol)
	return fmt.Sprintf("%s: %s (%s)", h.Pos, name, h.Kind)
}

// same says whether two names mean the same function: the mesh's names differ
// from those in code by case and separators.
func same(a, b string) bool {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
	}
	return fold(a) == fold(b)
}

// Error says why a directory holds no handler that can be hosted.
type Error struct {
	// Pos is where; its file begins with Options.Dir.
	Pos    token.Position
	Reason string
	// Found is the signature in the source, and Nearest the accepted one that
	// resembles it most; empty if that does not help.
	Found, Nearest string
	// Notes are further lines.
	Notes []string
	// Unread says that the files could not be read as one package, which the go
	// command reports as well.
	Unread bool

	distance int
	// certain says that no other candidate counts.
	certain bool
}

func (e *Error) Error() string { return strings.Join(e.Lines(), "\n") }

// Lines are the error as a compiler would write it: a position and the reason,
// and indented lines that explain it.
func (e *Error) Lines() []string {
	lines := []string{e.Reason}
	if e.Pos.Filename != "" {
		lines[0] = e.Pos.String() + ": " + e.Reason
	}
	if e.Found != "" {
		lines = append(lines, "    found:   "+e.Found)
	}
	if e.Nearest != "" {
		lines = append(lines, "    nearest: "+e.Nearest)
	}
	for _, n := range e.Notes {
		lines = append(lines, "    "+n)
	}
	return lines
}
