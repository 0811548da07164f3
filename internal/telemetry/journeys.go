package telemetry

import (
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Bounds of what is remembered: about 200 bytes a call and 80 a key, so less
// than 2.5 MB in all.
const (
	maxCalls     = 8192
	maxKeys      = 8192
	chunk        = 512
	maxErrorText = 300
)

// journeys remembers the last calls in a ring. Calls are grouped by trace only
// when someone asks, so that remembering one is a copy under a lock.
type journeys struct {
	mu    sync.Mutex
	calls ring[callEntry]
	keys  ring[keyEntry]
}

type (
	traceID [16]byte
	spanID  [8]byte
)

type callEntry struct {
	trace                          traceID
	span, parent                   spanID
	function, link, trigger, event string
	err                            string
	started                        int64  // Unix nanoseconds
	duration, queued, cold         uint32 // microseconds
	status, attempt, outputs       uint16
	final                          bool
}

// keyEntry says that data with this value in a field such as orderId was part
// of the trace.
type keyEntry struct {
	trace traceID
	key   string
}

func newJourneys() *journeys {
	return &journeys{calls: ring[callEntry]{most: maxCalls}, keys: ring[keyEntry]{most: maxKeys}}
}

func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), 1<<32-1))
}

func small(n int) uint16 { return uint16(min(max(n, 0), 1<<16-1)) }

func (j *journeys) add(function, link string, c delivery.CallRecord) {
	e := callEntry{
		function: function, link: link, trigger: c.Trigger, event: strings.Clone(c.EventID),
		started: c.Started.UnixNano(), duration: micros(c.Duration), cold: micros(c.ColdStart),
		status: small(c.StatusCode), attempt: small(c.Attempt), outputs: small(c.Outputs), final: c.Final,
	}
	if !decodeHex(e.trace[:], c.TraceID) {
		return
	}
	decodeHex(e.span[:], c.SpanID)
	decodeHex(e.parent[:], c.ParentID)
	if !c.Enqueued.IsZero() {
		e.queued = micros(c.Started.Sub(c.Enqueued) - c.ColdStart)
	}
	if c.Err != nil {
		text := c.Err.Error()
		if len(text) > maxErrorText {
			text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
		}
		e.err = text
	}
	j.mu.Lock()
	j.calls.add(e)
	j.mu.Unlock()
}

// learnKeys remembers the ids in the data of an event that was routed.
func (j *journeys) learnKeys(e *event.Event) {
	if e == nil {
		return
	}
	ctx, ok := e.Context.(*event.EventContextV1)
	if !ok {
		return
	}
	parent, _ := ctx.Extensions[contract.ExtTraceParent].(string)
	var trace traceID
	if len(parent) < 35 || !decodeHex(trace[:], parent[3:35]) {
		return
	}
	var found [maxKeysPerEvent]string
	n := businessKeys(e.DataEncoded, &found)
	if n == 0 {
		return
	}
	j.mu.Lock()
	for _, key := range found[:n] {
		j.keys.add(keyEntry{trace: trace, key: key})
	}
	j.mu.Unlock()
}

func (j *journeys) list(most int) []adminapi.Trace {
	j.mu.Lock()
	defer j.mu.Unlock()
	calls := make(map[traceID][]callEntry)
	var order []traceID
	for i := j.calls.len() - 1; i >= 0; i-- {
		c := j.calls.at(i)
		if _, ok := calls[c.trace]; !ok {
			if len(order) == most {
				continue
			}
			order = append(order, c.trace)
		}
		calls[c.trace] = append(calls[c.trace], *c)
	}
	keys := j.bestKeys(calls)
	traces := make([]adminapi.Trace, 0, len(order))
	for _, id := range order {
		traces = append(traces, assemble(id, keys[id], calls[id]))
	}
	return traces
}

func (j *journeys) find(key string) (adminapi.Trace, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, ok := j.resolve(key)
	if !ok {
		return adminapi.Trace{}, false
	}
	var calls []callEntry
	for i := range j.calls.len() {
		if c := j.calls.at(i); c.trace == id {
			calls = append(calls, *c)
		}
	}
	if len(calls) == 0 {
		return adminapi.Trace{}, false
	}
	keys := j.bestKeys(map[traceID][]callEntry{id: calls})
	return assemble(id, keys[id], calls), true
}

// resolve finds the newest trace that key stands for.
func (j *journeys) resolve(key string) (traceID, bool) {
	var id traceID
	if len(key) == 32 && decodeHex(id[:], strings.ToLower(key)) {
		for i := j.calls.len() - 1; i >= 0; i-- {
			if j.calls.at(i).trace == id {
				return id, true
			}
		}
	}
	for i := j.calls.len() - 1; i >= 0; i-- {
		if c := j.calls.at(i); c.event == key {
			return c.trace, true
		}
	}
	for i := j.keys.len() - 1; i >= 0; i-- {
		if k := j.keys.at(i); k.key == key {
			return k.trace, true
		}
	}
	return id, false
}

// bestKeys chooses the key that a trace is shown with: of those that its
// events held the one that the fewest traces share (an order's id rather than
// its customer's), and of those the first seen.
func (j *journeys) bestKeys(of map[traceID][]callEntry) map[traceID]string {
	type use struct {
		last  traceID
		count int
	}
	uses := make(map[string]use)
	for i := range j.keys.len() {
		k := j.keys.at(i)
		if u := uses[k.key]; u.count == 0 || u.last != k.trace {
			uses[k.key] = use{last: k.trace, count: u.count + 1}
		}
	}
	best := make(map[traceID]string, len(of))
	for i := range j.keys.len() {
		k := j.keys.at(i)
		if _, ok := of[k.trace]; !ok {
			continue
		}
		if b, ok := best[k.trace]; !ok || uses[k.key].count < uses[b].count {
			best[k.trace] = k.key
		}
	}
	return best
}

func assemble(id traceID, key string, calls []callEntry) adminapi.Trace {
	slices.SortStableFunc(calls, func(a, b callEntry) int {
		switch {
		case a.started < b.started:
			return -1
		case a.started > b.started:
			return 1
		default:
			return 0
		}
	})
	t := adminapi.Trace{
		TraceID: hex.EncodeToString(id[:]), Key: key, Started: time.Unix(0, calls[0].started),
		Calls: make([]adminapi.Call, 0, len(calls)),
	}
	begin, end := calls[0].started-int64(calls[0].cold)*1000, int64(0)
	for _, c := range calls {
		end = max(end, c.started+int64(c.duration)*1000)
		t.Error = t.Error || (c.err != "" && c.final)
		a := adminapi.Call{
			Function: c.function, SpanID: hex.EncodeToString(c.span[:]), Trigger: c.trigger, Link: c.link,
			EventID: c.event, Attempt: int(c.attempt), Started: time.Unix(0, c.started),
			Milliseconds: float64(c.duration) / 1000, QueueMilliseconds: float64(c.queued) / 1000,
			ColdMilliseconds: float64(c.cold) / 1000, StatusCode: int(c.status), Error: c.err, Outputs: int(c.outputs),
		}
		if c.parent != (spanID{}) {
			a.ParentID = hex.EncodeToString(c.parent[:])
		}
		t.Calls = append(t.Calls, a)
	}
	t.Duration = float64(end-begin) / 1e6
	return t
}

// decodeHex decodes s into all of dst, and reports whether it fitted.
func decodeHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		a, b := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if a > 15 || b > 15 {
			return false
		}
		dst[i] = a<<4 | b
	}
	return true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	default:
		return 255
	}
}

// A ring keeps the last values added, at most `most`, and grows in chunks, so
// that an idle engine pays for what it has seen.
type ring[T any] struct {
	most   int
	chunks [][]T
	next   int // where the next value goes
	full   bool
}

func (r *ring[T]) add(v T) {
	if r.next == len(r.chunks)*chunk && r.next < r.most {
		r.chunks = append(r.chunks, make([]T, chunk))
	}
	r.chunks[r.next/chunk][r.next%chunk] = v
	r.next++
	if r.next == r.most {
		r.next, r.full = 0, true
	}
}

func (r *ring[T]) len() int {
	if r.full {
		return r.most
	}
	return r.next
}

// at returns the ith value, the oldest being 0.
func (r *ring[T]) at(i int) *T {
	if r.full {
		i = (r.next + i) % r.most
	}
	return &r.chunks[i/chunk][i%chunk]
}
