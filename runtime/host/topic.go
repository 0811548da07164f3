package host

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// What tells an event of a topic from a delivery of the mesh: daprd, and an
// engine in its place, posts it in structured mode, where the mesh delivers in
// binary mode; with the name of the pub/sub component as a header (metadata of
// the message become headers) and in the event, as the extensions pubsubname
// and topic (pubsub/envelope.go of components-contrib).
const (
	headerPubSub = "Pubsubname"
	extPubSub    = "pubsubname"
	extTopic     = "topic"
)

// statusDrop is Dapr's word for an event that is not to come again; it goes to
// the dead-letter topic if there is one (Dapr's pub/sub API, "Expected HTTP
// Response").
const statusDrop = "DROP"

// ofTopic says whether a delivery is an event of a topic; e is nil if the body
// cannot be read.
func ofTopic(r *http.Request, mode wire.Mode, e *event.Event) bool {
	if mode != wire.Structured {
		return false
	}
	if len(r.Header[headerPubSub]) > 0 {
		return true
	}
	return e != nil && wire.Extension(e, extPubSub) != "" && wire.Extension(e, extTopic) != ""
}

// answerTopic answers an event of a topic that was handled. What the Func
// returned goes nowhere, and must not be taken for Dapr's words: daprd reads a
// field status of the answer, and has the event again if it is none it knows.
func (h *Host) answerTopic(ctx context.Context, w http.ResponseWriter, r *http.Request, f *mounted, c *call.Call, emits []call.Emit) error {
	switch {
	case len(emits) == 0:
	case !h.ofSidecar(r):
		return writeEvents(w, f.outgoing(c, emits))
	default:
		if err := h.send(ctx, f, c, emits); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// drop answers an event of a topic that no further try helps, and says whether
// err is such a failure: one below 500, of Permanent or of data that does not
// fit. The error is for people; daprd reads the status alone.
func (h *Host) drop(ctx context.Context, w http.ResponseWriter, err error) bool {
	status, _ := statusOf(err)
	if status >= http.StatusInternalServerError {
		return false
	}
	h.logFailure(ctx, status, err)
	body, err := json.Marshal(struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}{statusDrop, bounded(err.Error())})
	if err != nil { // never of strings
		body = []byte(`{"status":"` + statusDrop + `"}`)
	}
	header := w.Header()
	header["Content-Type"] = []string{contract.TypeJSON}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // daprd may have gone; the event comes again
	return true
}
