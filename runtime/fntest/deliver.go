package fntest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
)

// Kind says what a dispatcher does after a delivery.
type Kind string

// The kinds of outcomes.
const (
	// KindOutput: the outputs are routed.
	KindOutput Kind = "output"
	// KindNone: the function has handled the event, and has no output.
	KindNone Kind = "none"
	// KindRetry: the event is delivered again, if attempts are left.
	KindRetry Kind = "retry"
	// KindFinal: the delivery has failed, and no retry can mend it.
	KindFinal Kind = "final"
)

// Outcome is what a delivery came to on the wire.
type Outcome struct {
	Kind       Kind
	StatusCode int
	// Outputs are the function's answer, offered to every link.
	Outputs []event.Event
	// Emitted are the outputs that it addressed instead, with the extension
	// weftto; Harness.Emitted has them by target.
	Emitted []event.Event
	// RetryAfter is how long the function asks to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Err is the text of the error, "" on success.
	Err string
}

// OutputAs returns the data of the outcome's only output. The test fails if
// there is another number of them, or if it is no T.
func OutputAs[T any](t testing.TB, o Outcome) T {
	t.Helper()
	var v T
	if len(o.Outputs) != 1 {
		t.Fatalf("fntest: %d outputs, not 1 (%s, status %d, error %q)", len(o.Outputs), o.Kind, o.StatusCode, o.Err)
	}
	if err := json.Unmarshal(o.Outputs[0].Data(), &v); err != nil {
		t.Fatalf("fntest: output: %v: %s", err, o.Outputs[0].Data())
	}
	return v
}

// Event returns an event with data as JSON (a []byte is taken as it is), as a
// link delivers it.
func Event(data any) event.Event {
	e := event.New()
	e.SetID("test-event")
	e.SetSource("/default/test/upstream")
	e.SetType("test.upstream.output")
	e.SetExtension(contract.ExtFrom, "upstream")
	e.SetDataContentType(contract.TypeJSON)
	if raw, ok := data.([]byte); ok {
		e.DataEncoded = raw
		return e
	}
	b, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("fntest.Event: %v", err))
	}
	e.DataEncoded = b
	return e
}

// Attempt returns e as it is delivered for the nth time, from 1.
func Attempt(e event.Event, n int) event.Event {
	e = e.Clone()
	e.SetExtension(contract.ExtAttempt, strconv.Itoa(n))
	return e
}

// Deliver delivers v to the function served last: an event.Event as it is,
// anything else as the data of one.
func (h *Harness) Deliver(v any) Outcome {
	h.t.Helper()
	return h.DeliverTo("", v)
}

// DeliverTo is Deliver to the function called name.
func (h *Harness) DeliverTo(name string, v any) Outcome {
	h.t.Helper()
	e, ok := v.(event.Event)
	if !ok {
		e = Event(v)
	}
	req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(e.Data()))
	req.Header.Set(contract.HeaderToken, token)
	if err := wire.WriteBinary(req.Header, &e); err != nil {
		h.t.Fatalf("fntest: %v", err)
	}
	o := h.outcome(h.serve(name, req))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivered = append(h.delivered, o.Emitted...)
	return o
}

// outcome reads an answer as a dispatcher does.
func (h *Harness) outcome(a Answer) Outcome {
	h.t.Helper()
	o := Outcome{StatusCode: a.StatusCode}
	if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil {
		o.RetryAfter = time.Duration(n) * time.Second
	}
	switch code := a.StatusCode; {
	case code >= 200 && code < 300:
		o.Kind = KindNone
		if code != http.StatusAccepted && code != http.StatusNoContent && len(a.Body) > 0 {
			o.outputs(a)
		}
		return o
	case code >= 500, slices.Contains([]int{404, 408, 409, 425, 429}, code):
		o.Kind = KindRetry
	default:
		o.Kind = KindFinal
	}
	var p struct{ Error string }
	if json.Unmarshal(a.Body, &p) == nil && p.Error != "" {
		o.Err = p.Error
	} else {
		o.Err = fmt.Sprintf("status %d: %s", a.StatusCode, a.Body)
	}
	return o
}

// outputs takes the outputs out of a successful answer. One that is not what it
// says is final.
func (o *Outcome) outputs(a Answer) {
	events, mode, err := wire.Read(a.Header, a.Body)
	if mode == wire.None {
		ct := a.Header.Get("Content-Type")
		if ct != "" && wire.IsJSON(ct) && !json.Valid(a.Body) {
			err = fmt.Errorf("%s that does not parse", ct)
		}
		e := Event(a.Body)
		e.SetDataContentType(ct)
		events = []event.Event{e}
	}
	if err != nil {
		o.Kind, o.Err = KindFinal, fmt.Sprintf("answered %d with garbage: %v", a.StatusCode, err)
		return
	}
	for _, e := range events {
		if wire.Extension(&e, contract.ExtTo) != "" {
			o.Emitted = append(o.Emitted, e)
		} else {
			o.Outputs = append(o.Outputs, e)
		}
	}
	if len(events) > 0 {
		o.Kind = KindOutput
	}
}

// Answer is a function's answer to a plain request.
type Answer struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// Request sends a plain request to the function served last, with body as JSON
// (nil is none, a []byte is sent as it is). What the function emits reaches
// the harness's sink.
func (h *Harness) Request(method, path string, body any) Answer {
	h.t.Helper()
	var content []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		content = b
	default:
		var err error
		if content, err = json.Marshal(body); err != nil {
			h.t.Fatalf("fntest: %v", err)
		}
	}
	req := httptest.NewRequest(method, path, bytes.NewReader(content))
	if body != nil {
		req.Header.Set("Content-Type", contract.TypeJSON)
	}
	return h.Do(req)
}

// Do sends a request, such as httptest.NewRequest makes, to the function
// served last. Answers are kept in memory: Flush works, Hijack does not.
func (h *Harness) Do(req *http.Request) Answer {
	h.t.Helper()
	if req.Header.Get(contract.HeaderEventID) == "" && !wire.IsEvent(req.Header) {
		h.mu.Lock()
		h.serial++
		req.Header.Set(contract.HeaderEventID, fmt.Sprintf("test-%d", h.serial))
		h.mu.Unlock()
	}
	return h.serve("", req)
}

func (h *Harness) serve(name string, req *http.Request) Answer {
	h.t.Helper()
	rec := httptest.NewRecorder()
	h.host(name).ServeHTTP(rec, req.WithContext(h.base()))
	return Answer{StatusCode: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}
}

// sink stands in for the engine's: it keeps what hosts post.
type sink struct {
	mu     sync.Mutex
	status int
	events []event.Event
}

func (s *sink) setStatus(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *sink) received() []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

// RoundTrip takes a post, without a network.
func (s *sink) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	events, _, err := wire.Read(req.Header, body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if status == 0 {
		status = http.StatusAccepted
	}
	if status < 300 {
		s.events = append(s.events, events...)
	}
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}, nil
}
