package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
)

// call is one call of a function, from the wait for a replica to the answer.
type call struct {
	d       *Dispatcher
	f       *mesh.Function
	link    *mesh.Link
	trigger string
	attempt int
	event   *event.Event
	span    span
	ep      Endpoint
	rec     CallRecord
}

// acquire waits for a place on a replica; meanwhile those downstream start.
func (c *call) acquire(ctx context.Context) error {
	c.d.cfg.Endpoints.Prewarm(c.f) // first: its caller waits
	c.d.Prewarm(c.f)
	ep, err := c.d.cfg.Endpoints.Acquire(ctx, c.f)
	c.ep = ep
	return err
}

// make calls the function and fills in the record. The end of ctx cuts it.
func (c *call) make(ctx context.Context) answer {
	c.d.obs.CallStarted(c.f, c.link)
	e := delivered(c.event, c.span, c.attempt)
	timeout := c.f.Timeout
	if c.ep.NoTimeout {
		timeout = 0
	}
	started := time.Now()
	a := c.d.caller.post(ctx, c.ep, c.f, e, c.span, timeout)
	c.rec = CallRecord{
		Function: c.f, Link: c.link, Trigger: c.trigger, EventID: c.event.ID(),
		TraceID: c.span.trace, SpanID: c.span.id, ParentID: c.span.parent,
		Attempt: c.attempt, Started: started, Duration: time.Since(started), ColdStart: c.ep.ColdStart,
		StatusCode: a.status, Err: a.err, Final: a.err != nil && a.final,
	}
	c.release(a.broken)
	return a
}

func (c *call) release(broken bool) {
	if c.ep.Release != nil {
		c.ep.Release(broken)
	}
}

// delivered is the event as the function sees it: this attempt, this span.
func delivered(e *event.Event, s span, attempt int) *event.Event {
	c := *e.Context.AsV1()
	exts := make(map[string]any, len(c.Extensions)+2)
	for name, v := range c.Extensions {
		exts[name] = v
	}
	exts[contract.ExtAttempt] = strconv.Itoa(attempt)
	exts[contract.ExtTraceParent] = s.String()
	c.Extensions = exts
	return &event.Event{Context: &c, DataEncoded: e.DataEncoded, DataBase64: e.DataBase64}
}

// task is one event in the dispatcher's hands.
type task struct {
	q     *queue
	del   Delivery
	probe bool // decides over a half-open breaker
	scout bool // looks whether the function has become available
}

// run calls the function for the event and settles it, one way or another.
// pull ends when the dispatcher shuts down, calls when the drain is over too.
func (t *task) run(pull, calls context.Context) {
	q, d, e := t.q, t.q.d, t.del.Event()
	link := d.linkOf(e)
	c := call{
		d: d, f: q.f, link: link, trigger: "link", attempt: t.del.Attempts() + 1,
		event: e, span: newSpan(wire.Extension(e, contract.ExtTraceParent)),
	}
	if link == nil {
		c.trigger = "trigger"
	}
	if !q.mayCall(pull, t.probe) {
		t.release(calls)
		return
	}
	if err := c.acquire(pull); err != nil {
		t.unavailable(calls, err)
		return
	}
	q.available()
	if !t.probe && !q.brk.closed() {
		// It opened while the event waited for a replica.
		c.release(false)
		t.release(calls)
		return
	}
	a := c.make(calls)
	q.called(c.rec.Duration)
	c.rec.Enqueued = t.del.Enqueued()
	if a.cut {
		t.cut(&c)
		return
	}
	if a.uncalled {
		t.unavailable(calls, a.err)
		d.obs.CallEnded(c.rec)
		return
	}
	if a.err == nil {
		a = t.succeed(calls, &c, a)
	}
	q.judge(&c, a, t.probe)
	switch {
	case a.err == nil || a.cut:
		// Settled by succeed.
	case !a.final && c.attempt < t.policy(link).MaxAttempts:
		t.retry(calls, &c, a)
	default:
		t.fail(calls, &c, a)
	}
}

// policy is the retry in force: the link's, else the function's.
func (t *task) policy(link *mesh.Link) mesh.Retry {
	if link != nil {
		return link.Retry
	}
	return t.q.f.Retry
}

// succeed routes the outputs and takes the event off the queue. The answer
// comes back final if the outputs cannot be routed.
func (t *task) succeed(ctx context.Context, c *call, a answer) answer {
	d := t.q.d
	o := c.outcome(mesh.StatusSuccess, "", a.outputs)
	ds, err := d.router.Route(&o)
	if err != nil {
		return t.unroutable(c, a, err)
	}
	r, err := t.deliver(ctx, c.f, ds)
	if err != nil {
		if ctx.Err() != nil {
			// The engine goes down with outputs not durable: call again then.
			a.cut = true
			t.cut(c)
			return a
		}
		return t.unroutable(c, a, err)
	}
	c.rec.Outputs = r.Queued
	t.ack(ctx)
	d.obs.CallEnded(c.rec)
	return a
}

func (t *task) unroutable(c *call, a answer, err error) answer {
	c.rec.Err, c.rec.Final = err, true
	return finally(a.status, err)
}

// outcome of the call with these outputs.
func (c *call) outcome(status, text string, outputs []Output) Outcome {
	return Outcome{
		Function: c.f, InputSource: c.event.Source(), InputID: c.event.ID(),
		Status: status, Error: text, Outputs: outputs, Hops: hops(c.event),
		TraceParent: c.span.String(), TraceState: wire.Extension(c.event, contract.ExtTraceState),
	}
}

// deliver publishes until every event is durable, however long a queue stays
// full or a disk out of space: the event is held, not called again, and its
// place in flight with it, so that the pressure reaches the senders. Only an
// event that no queue will ever take ends it early, or the end of ctx. What is
// durable is not published again: a queue may stay full for longer than the
// other queues remember.
func (t *task) deliver(ctx context.Context, from *mesh.Function, ds []Decision) (Routed, error) {
	if len(ds) == 0 {
		return Routed{}, nil
	}
	left := ds
	err := t.hold(ctx, func() (err error) {
		left, err = t.q.d.publish(ctx, from, left)
		return err
	})
	if err != nil {
		return Routed{}, err
	}
	return routed(ds), nil
}

// Bounds of the pause between tries to make something durable.
const (
	holdFirst = 20 * time.Millisecond
	holdMost  = 500 * time.Millisecond
)

// hold tries until it works, ctx ends, or trying cannot help.
func (t *task) hold(ctx context.Context, try func() error) error {
	for pause := holdFirst; ; pause = min(2*pause, holdMost) {
		err := try()
		if err == nil || errors.Is(err, ErrTooLarge) || ctx.Err() != nil {
			return err
		}
		d := t.q.d
		if d.quiet.allow("hold "+t.q.f.Name, time.Minute, time.Now()) {
			d.log.Warn("outputs cannot be made durable and are held back; will try on", "function", t.q.f.Name, "error", err)
		}
		if !sleep(ctx, jitter(pause)) {
			return err
		}
	}
}

// retry hands the event back, to come again after the policy's pause or the
// one that the function asked for.
func (t *task) retry(ctx context.Context, c *call, a answer) {
	d := t.q.d
	pause := jitter(t.policy(c.link).Pause(c.attempt))
	if a.after > 0 {
		pause = max(pause, a.after)
	}
	d.obs.CallEnded(c.rec)
	if err := t.del.Retry(ctx, pause, c.attempt); err != nil {
		// It stays with us until the ack wait is over, then comes again.
		d.log.Warn("event could not be handed back; it comes again after the ack wait", "function", c.f.Name, "event", c.rec.EventID, "error", err)
	}
	d.obs.Retrying(c.rec, pause)
}

// fail ends an event that no attempt can help: its error output goes to the
// links that take errors; if there is none, the event becomes a dead letter.
func (t *task) fail(ctx context.Context, c *call, a answer) {
	d := t.q.d
	c.rec.Final = true
	o := c.outcome(mesh.StatusError, a.err.Error(), []Output{{Event: inputAsOutput(c.event)}})
	ds, err := d.router.Route(&o)
	if err == nil && len(ds) > 0 {
		var r Routed
		if r, err = t.deliver(ctx, c.f, ds); err == nil {
			c.rec.Outputs = r.Queued
			t.ack(ctx)
			d.obs.CallEnded(c.rec)
			return
		}
		if ctx.Err() != nil {
			t.cut(c)
			return
		}
		a.err = fmt.Errorf("%w (and its error output: %w)", a.err, err)
	}
	err = t.hold(ctx, func() error { return d.bury(ctx, c.f, c.event, a.err, c.attempt) })
	switch {
	case err == nil:
	case ctx.Err() != nil:
		t.cut(c)
		return
	default:
		d.log.Error("event is neither delivered nor a dead letter; it comes again", "function", c.f.Name, "event", c.rec.EventID, "error", err)
		c.rec.Final = false
		t.retry(ctx, c, a)
		return
	}
	t.ack(ctx)
	d.obs.CallEnded(c.rec)
}

func (t *task) ack(ctx context.Context) {
	if err := t.del.Ack(ctx); err != nil {
		t.q.d.log.Warn("event could not be taken off the queue; it comes again", "function", t.q.f.Name, "error", err)
	}
}

// release hands the event back at once, no attempt spent.
func (t *task) release(ctx context.Context) {
	if t.probe {
		t.q.brk.unclaim()
		t.q.moved()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := t.del.Release(ctx); err != nil && !errors.Is(err, ErrClosed) {
		t.q.d.log.Warn("event could not be handed back; it comes again after the ack wait", "function", t.q.f.Name, "error", err)
	}
}

// settleTimeout bounds handing an event back while the engine goes down.
const settleTimeout = 5 * time.Second

// cut ends a call that the shutdown cut off, or whose outcome could not be
// made durable before it: no attempt.
func (t *task) cut(c *call) {
	t.release(context.Background())
	t.q.d.obs.CallEnded(c.rec)
}

// unavailable hands back an event whose function has no replica: no attempt,
// and the queue rests until there may be one.
func (t *task) unavailable(ctx context.Context, err error) {
	var u *UnavailableError
	if errors.As(err, &u) {
		t.q.rest(u)
	} else if !errors.Is(err, context.Canceled) {
		t.q.rest(&UnavailableError{Function: t.q.f.Name, Reason: err.Error()})
	}
	t.release(ctx)
}

// linkOf finds the link that the event came by, nil for none. Events that
// waited while the mesh was edited may name a link that is gone; then another
// between the same two functions serves, else the function's own policy.
func (d *Dispatcher) linkOf(e *event.Event) *mesh.Link {
	key := wire.Extension(e, contract.ExtLink)
	if key == "" {
		return nil
	}
	if l := d.keys[key]; l != nil {
		return l
	}
	first, _, _ := strings.Cut(key, "#")
	return d.keys[first]
}

// jitter spreads a pause by a tenth up and down.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// sleep waits, and reports whether ctx was still on by then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// TraceParent is the call's W3C traceparent.
func (r CallRecord) TraceParent() string {
	return span{trace: r.TraceID, id: r.SpanID, flags: "01"}.String()
}
