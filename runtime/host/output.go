package host

import (
	"maps"
	"net/http"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// writeOutput answers a Func's output: 204 for none, a body as it is, one event
// in binary mode, several as a batch.
func writeOutput(w http.ResponseWriter, f *mounted, out *Output, c *call.Call) error {
	switch {
	case out.none():
		w.WriteHeader(http.StatusNoContent)
		return nil
	case len(out.Events) > 1:
		return writeEvents(w, f.events(c, out))
	case len(out.Events) == 1:
		e := &f.events(c, out)[0]
		h := w.Header()
		if err := wire.WriteBinary(h, e); err != nil {
			clear(h)
			return err
		}
		return writeBody(w, h.Get("Content-Type"), e.Data())
	default:
		return writeBody(w, out.ContentType, out.Body)
	}
}

// writeEvents answers events as a batch.
func writeEvents(w http.ResponseWriter, events []event.Event) error {
	body, err := wire.MarshalBatch(events)
	if err != nil {
		return err
	}
	return writeBody(w, contract.TypeEventBatch, body)
}

func writeBody(w http.ResponseWriter, contentType string, body []byte) error {
	h := w.Header()
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have gone; its engine will call again
	return nil
}

// outgoing makes events of what a call emitted: each addressed, identified by
// the call's input and its place, and within its trace. A repeated call thus
// emits the same ids.
func (f *mounted) outgoing(c *call.Call, emits []call.Emit) []event.Event {
	events := make([]event.Event, len(emits))
	id := idOf(c)
	parent := ""
	if c.Span.IsValid() {
		parent = traceParent(c.Span)
	}
	state := c.Span.TraceState().String()
	for i := range emits {
		events[i] = emits[i].Event
		ctx := f.complete(id, &events[i], i)
		ctx.Extensions = maps.Clone(ctx.Extensions)
		if ctx.Extensions == nil {
			ctx.Extensions = make(map[string]any, 3)
		}
		ctx.Extensions[contract.ExtTo] = emits[i].To
		if parent != "" {
			ctx.Extensions[contract.ExtTraceParent] = parent
			if state != "" {
				ctx.Extensions[contract.ExtTraceState] = state
			}
		}
	}
	return events
}

// events makes events of a Func's output.
func (f *mounted) events(c *call.Call, out *Output) []event.Event {
	id := idOf(c)
	if len(out.Events) == 0 {
		contentType := out.ContentType
		e := event.Event{Context: &event.EventContextV1{DataContentType: &contentType}, DataEncoded: out.Body, DataBase64: !wire.IsJSON(contentType)}
		f.complete(id, &e, 0)
		return []event.Event{e}
	}
	events := make([]event.Event, len(out.Events))
	for i := range events {
		events[i] = out.Events[i]
		f.complete(id, &events[i], i)
	}
	return events
}

// idOf identifies a call's input. A plain request that came past the gateway
// has no id, and gets one.
func idOf(c *call.Call) string {
	if c.EventID != "" {
		return c.EventID
	}
	return newTrace().TraceID().String()
}

// complete gives an event the id and source of its place in the call with
// input id, and a type if it has none. The context it returns is the event's
// own copy.
func (f *mounted) complete(id string, e *event.Event, i int) *event.EventContextV1 {
	ctx := &event.EventContextV1{}
	if e.Context != nil {
		ctx = e.Context.AsV1()
		if old, ok := e.Context.(*event.EventContextV1); ok && old == ctx {
			copied := *old
			ctx = &copied
		}
	}
	ctx.ID = id + "/" + strconv.Itoa(i)
	ctx.Source = types.URIRef{URL: f.source}
	if ctx.Type == "" {
		ctx.Type = f.typ
	}
	e.Context = ctx
	return ctx
}
