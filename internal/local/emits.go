package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// maxEmits bounds what one call may emit, in bytes: as much as the sink takes at
// once.
const maxEmits = 16 << 20

// route sends what f emitted while it handled an event on its way, and returns
// once it is durable. A host answers an event with what was emitted, for a
// dispatcher to route; who publishes to a topic or invokes a function is none,
// and would take that for an answer. It is taken out of resp: what is left is no
// answer, as from a function that emits behind a queue.
func (fs functions) route(ctx context.Context, f *mesh.Function, resp *http.Response) error {
	resp.Header.Del(contract.HeaderEmitted)
	if resp.StatusCode < 200 || resp.StatusCode > 299 || wire.ModeOf(resp.Header) != wire.Batch {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxEmits+1))
	switch {
	case err != nil:
		return fmt.Errorf("read what %s emitted: %w", f.Name, err)
	case len(body) > maxEmits:
		return fmt.Errorf("%s answered with events of more than %d bytes: emit fewer at once", f.Name, maxEmits)
	}
	resp.Body = readBack{bytes.NewReader(body), resp.Body}
	events, _, err := wire.Read(resp.Header, body)
	if err != nil {
		return nil // a batch of the function's own making, for its caller to read
	}
	var outputs []delivery.Output
	for _, e := range events {
		if to := wire.Extension(&e, contract.ExtTo); to != "" {
			outputs = append(outputs, delivery.Output{To: to, Event: e})
		}
	}
	if len(outputs) == 0 {
		return nil
	}
	first := &outputs[0].Event
	parent, state := wire.TraceParent(first)
	_, err = fs.g.dispatcher.Submit(ctx, delivery.Outcome{
		// The host makes the ids of the event's: a message that comes again is
		// routed once.
		Function: f, InputSource: f.Source + "#" + fs.trigger, InputID: first.ID(),
		Status: mesh.StatusSuccess, Outputs: outputs, TraceParent: parent, TraceState: state,
	})
	if err != nil {
		return fmt.Errorf("what %s emitted was not taken: %w", f.Name, err)
	}
	resp.Body = readBack{http.NoBody, resp.Body}
	resp.ContentLength = 0
	resp.Header.Del("Content-Type")
	resp.Header.Set("Content-Length", "0")
	return nil
}

// readBack is a body that has been read, and is still to be closed.
type readBack struct {
	io.Reader
	io.Closer
}
