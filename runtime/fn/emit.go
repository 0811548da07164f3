package fn

import (
	"context"

	"github.com/weftmesh/weft/runtime/internal/call"
)

// Errors of Emit that callers may want to tell apart.
var (
	// ErrNoCall: the context is not that of a call.
	ErrNoCall = call.ErrNoCall
	// ErrEnded: the handler has returned, or overran its timeout.
	ErrEnded = call.ErrEnded
	// ErrStreaming: the answer has begun to leave.
	ErrStreaming = call.ErrStreaming
)

// Emit sends v to the function called to, once the handler has succeeded: it
// has returned no error or, for HTTP, has answered with a status below 400.
// What a handler emits replaces its answer as output. If the handler fails,
// nothing is sent.
//
// The mesh must link this function to the other, and the link's condition
// holds for what is emitted: its result is v. When the call was a plain HTTP
// request, the events are durable before the client has its answer; if they
// cannot be stored, the client gets 503 with Retry-After.
//
// v may be anything that encoding/json takes; it is encoded at once. A []byte
// and a json.RawMessage are sent as they are. An event.Event keeps its type,
// subject, time, schema and extensions; its id and source are given anew.
//
// The error is ErrNoCall, ErrEnded, ErrStreaming, that of encoding v, or says
// that one call may emit at most 1,000 events and some 4 MiB. Emit is safe for
// concurrent use.
func Emit(ctx context.Context, to string, v any) error {
	c := call.From(ctx)
	if c == nil {
		return ErrNoCall
	}
	return c.Emit(to, v)
}
