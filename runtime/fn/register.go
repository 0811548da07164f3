package fn

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/internal/adapt"
	"github.com/weftmesh/weft/runtime/internal/registry"
)

// HTTP registers a handler of HTTP requests under the name that the mesh gives
// the function. An http.HandlerFunc is a Handler.
//
// It panics if the name is empty or registered already, or h is nil: as with
// http.Handle, that is a fault of the program.
func HTTP(name string, h http.Handler) {
	if h == nil {
		panic(fmt.Sprintf("fn.HTTP(%q): the handler is nil", name))
	}
	registry.Add(adapt.HTTP(name, h))
}

// CloudEvent registers a handler of events under the name that the mesh gives
// the function. Its output is what it emits.
//
// It panics if the name is empty or registered already, or f is nil.
func CloudEvent(name string, f func(ctx context.Context, e event.Event) error) {
	if f == nil {
		panic(fmt.Sprintf("fn.CloudEvent(%q): the handler is nil", name))
	}
	registry.Add(adapt.CloudEvent(name, f))
}

// Typed registers a handler of values under the name that the mesh gives the
// function. Its output is what it emits or, if it emits nothing, what it
// returns. The package documentation says what In and Out can be.
//
// Each call has an In of its own. It panics if the name is empty or registered
// already, or f is nil.
func Typed[In, Out any](name string, f func(ctx context.Context, in In) (Out, error)) {
	if f == nil {
		panic(fmt.Sprintf("fn.Typed(%q): the handler is nil", name))
	}
	registry.Add(adapt.Typed(name, f))
}
