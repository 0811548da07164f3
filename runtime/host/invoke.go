package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// serveDelivery calls a Func with each event of a delivery, and answers what
// came of all of them, or the first failure.
func (h *Host) serveDelivery(w http.ResponseWriter, r *http.Request, f *mounted) {
	if r.Method != http.MethodPost {
		h.refuseMethod(w, r, "POST")
		return
	}
	body, err := readBody(r)
	if err != nil {
		h.refuse(w, r, bodyFailure(r.Context(), err, h.opts.MaxBody))
		return
	}
	events, mode, err := wire.Read(r.Header, body)
	if err != nil {
		if err := readFailure(err); !ofTopic(r, mode, nil) || !h.drop(r.Context(), w, err) {
			h.refuse(w, r, err)
		}
		return
	}
	disown(r.Header, events)
	if len(events) == 1 {
		e := &events[0]
		h.invoke(w, r, f, e, ofTopic(r, mode, e), Input{Event: e, ContentType: e.DataContentType(), Body: e.Data()})
		return
	}
	h.invokeBatch(w, r, f, events)
}

// servePlain calls a Func with the body of a plain request.
func (h *Host) servePlain(w http.ResponseWriter, r *http.Request, f *mounted) {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		if h.asksWhatIsWanted(r) {
			problem(w, http.StatusNotFound, "the function's mesh says what it wants of Dapr")
			return
		}
		h.refuseMethod(w, r, "POST, PUT, PATCH, DELETE")
		return
	}
	body, err := readBody(r)
	if err != nil {
		h.refuse(w, r, bodyFailure(r.Context(), err, h.opts.MaxBody))
		return
	}
	h.invoke(w, r, f, nil, false, Input{ContentType: r.Header.Get("Content-Type"), Body: body, Path: r.URL.Path})
}

// invoke calls a Func once and answers: whoever delivers an event of a topic,
// in Dapr's words.
func (h *Host) invoke(w http.ResponseWriter, r *http.Request, f *mounted, e *event.Event, topic bool, in Input) {
	x := &exchange{}
	c, ctx, a := &x.call, &x.ctx, &x.answer
	h.begin(c, ctx, r, f, e)
	defer ctx.End()
	a.w = w
	defer h.watch(ctx, c, a).stop()
	defer a.claim()
	out, err := h.run(ctx, f, in)
	emits := c.End()
	if !a.claim() {
		return // the deadline has answered
	}
	switch {
	case err == nil && topic:
		err = h.answerTopic(ctx, w, r, f, c, emits)
	case err == nil:
		err = h.answer(ctx, w, r, f, c, &out, emits)
	case topic && h.drop(ctx, w, err):
		return
	}
	if err != nil {
		h.fail(ctx, w, c, err)
	}
}

// run calls a Func, whose panic is an error.
func (h *Host) run(ctx context.Context, f *mounted, in Input) (out Output, err error) {
	if panicked := h.guard(ctx, func() { out, err = f.Func(ctx, in) }); panicked != nil {
		return Output{}, panicked
	}
	return out, err
}

// answer writes what a call came to: its emits if it has any, else its output.
func (h *Host) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, f *mounted, c *call.Call, out *Output, emits []call.Emit) error {
	if c.Event != nil && (len(emits) == 0 || !h.ofSidecar(r)) {
		if len(emits) > 0 {
			return writeEvents(w, f.outgoing(c, emits))
		}
		return writeOutput(w, f, out, c)
	}
	if len(emits) > 0 {
		if err := h.send(ctx, f, c, emits); err != nil {
			return err
		}
		w.Header()[contract.HeaderEmitted] = []string{strconv.Itoa(len(emits))}
	}
	return writeOutput(w, f, out, c)
}

// invokeBatch calls a Func with several events in order. Their outputs are
// answered together once all have succeeded.
func (h *Host) invokeBatch(w http.ResponseWriter, r *http.Request, f *mounted, events []event.Event) {
	var outputs []event.Event
	for i := range events {
		out, ok := h.invokeOne(w, r, f, &events[i], i)
		if !ok {
			return
		}
		outputs = append(outputs, out...)
	}
	if len(outputs) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := writeEvents(w, outputs); err != nil {
		h.refuse(w, r, err)
	}
}

// invokeOne calls a Func with the event at index i of a batch. It answers a
// failure, and then is not ok.
func (h *Host) invokeOne(w http.ResponseWriter, r *http.Request, f *mounted, e *event.Event, i int) (outputs []event.Event, ok bool) {
	x := &exchange{}
	c, ctx, a := &x.call, &x.ctx, &x.answer
	h.begin(c, ctx, r, f, e)
	defer ctx.End()
	a.w = w
	defer h.watch(ctx, c, a).stop()
	defer a.claim()
	out, err := h.run(ctx, f, Input{Event: e, ContentType: e.DataContentType(), Body: e.Data()})
	emits := c.End()
	switch {
	case !a.claim():
		return nil, false
	case err != nil:
		h.fail(ctx, w, c, fmt.Errorf("event %d of the batch: %w", i, err))
		return nil, false
	case len(emits) > 0:
		return f.outgoing(c, emits), true
	case !out.none():
		return f.events(c, &out), true
	}
	return nil, true
}

// fail answers the error of a call.
func (h *Host) fail(ctx context.Context, w http.ResponseWriter, c *call.Call, err error) {
	status, after := statusOf(err)
	if status == http.StatusInternalServerError && !c.Deadline.IsZero() && errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(c.Deadline) {
		status = http.StatusGatewayTimeout
	}
	if status == http.StatusServiceUnavailable {
		retryAfter(w.Header(), after)
	}
	h.logFailure(ctx, status, err)
	text := err.Error()
	if _, ok := errors.AsType[*panicError](err); ok && c.Event == nil {
		// Whoever sends a plain request may be anybody, and what a handler
		// panics with is not meant for them.
		text = "the function panicked; its log says why"
	}
	problem(w, status, text)
}

// refuse answers a request that no function is called with.
func (h *Host) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, _ := statusOf(err)
	h.logFailure(r.Context(), status, err)
	problem(w, status, err.Error())
}

func (h *Host) refuseMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	problem(w, http.StatusMethodNotAllowed, fmt.Sprintf("the function takes %s, not %s", allow, r.Method))
}

// exchange is all that a call of a Func needs, in one piece.
type exchange struct {
	call   call.Call
	ctx    call.Context
	answer answer
}

// answer says who writes the answer to a call: its handler's goroutine or its
// deadline, whichever claims it first.
type answer struct {
	w       http.ResponseWriter
	mu      sync.Mutex
	claimed bool
}

func (a *answer) claim() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	won := !a.claimed
	a.claimed = true
	return won
}

func (a *answer) overrun(write func(http.ResponseWriter)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.claimed {
		a.claimed = true
		write(a.w)
	}
}

// readBody reads a request's body, in one piece where its length is known.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}
