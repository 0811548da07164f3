package host

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/internal/names"
)

// Function is one function that a Host serves. Exactly one of HTTP and Func is
// set.
type Function struct {
	// Name of the function as the mesh writes it.
	Name string
	// HTTP serves requests and answers as it likes. For a delivery, its answer
	// is the output.
	HTTP http.Handler
	// Func is called with the input of a delivery or of a plain POST, PUT,
	// PATCH or DELETE.
	Func func(context.Context, Input) (Output, error)
}

// Input is what a Func is called with.
type Input struct {
	// Event that was delivered; nil for a plain request.
	Event *event.Event
	// ContentType and Body: the event's data, or the request's body.
	ContentType string
	Body        []byte
	// Path of a plain request.
	Path string
}

// Output is what a Func answers; the zero value is no output.
type Output struct {
	// ContentType and Body of the answer; no output if Body is nil.
	ContentType string
	Body        []byte
	// Events to answer instead of Body: one in binary mode, several as a batch.
	Events []event.Event
}

func (o *Output) none() bool { return o.Body == nil && len(o.Events) == 0 }

// mounted is a Function with what its events carry.
type mounted struct {
	Function
	source url.URL // CloudEvents source
	typ    string  // CloudEvents type
}

// mount names the events of a function as the mesh does, so far as K_SERVICE
// (<mesh>-<function>, hashed when long) tells; the router has the last word.
func mount(f Function, service string) *mounted {
	kebab := names.Kebab(f.Name)
	m := &mounted{Function: f, source: url.URL{Path: "/" + kebab}, typ: kebab + ".output"}
	if mesh, ok := strings.CutSuffix(service, "-"+kebab); ok && mesh != "" {
		m.source.Path = "/" + service
		m.typ = mesh + "." + kebab + ".output"
	}
	return m
}

// choose finds which functions to serve: the one at all paths, or each at a
// path of its own.
func choose(opts *Options, functions []Function) (one *mounted, byName map[string]*mounted, err error) {
	if len(functions) == 0 {
		return nil, nil, fmt.Errorf("no function is registered: register one, such as fn.HTTP(%q, handler), before fn.Main()", orHello(opts.Target))
	}
	byName = make(map[string]*mounted, 2*len(functions))
	var all []string
	for _, f := range functions {
		if f.Name == "" {
			return nil, nil, fmt.Errorf("a function is registered without a name")
		}
		if (f.HTTP == nil) == (f.Func == nil) {
			return nil, nil, fmt.Errorf("function %s needs a handler, and only one", f.Name)
		}
		kebab := names.Kebab(f.Name)
		if other, ok := byName[kebab]; ok {
			return nil, nil, fmt.Errorf("functions %s and %s have the same name in kebab-case, %s: rename one", other.Name, f.Name, kebab)
		}
		byName[kebab] = mount(f, opts.Service)
		all = append(all, f.Name)
	}
	if opts.Target != "" {
		if m := byName[names.Kebab(opts.Target)]; m != nil {
			return m, nil, nil
		}
		return nil, nil, fmt.Errorf("no function is registered as %q, which FUNCTION_TARGET asks for; there %s %s", opts.Target,
			map[bool]string{true: "is", false: "are"}[len(all) == 1], strings.Join(names.ByDistance(opts.Target, all), ", "))
	}
	if len(functions) == 1 {
		return byName[names.Kebab(all[0])], nil, nil
	}
	for _, m := range byName {
		byName[m.Name] = m
	}
	return nil, byName, nil
}

func orHello(name string) string {
	if name == "" {
		return "hello"
	}
	return name
}
