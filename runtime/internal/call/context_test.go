package call_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/runtime/internal/call"
)

type (
	theirs struct{}
	below  struct{}
)

func begin(parent context.Context, traced bool) (*call.Call, *call.Context) {
	c := &call.Call{Function: "f", Span: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})}
	ctx := &call.Context{}
	ctx.Begin(parent, c, traced)
	return c, ctx
}

func TestContextValues(t *testing.T) {
	parent := context.WithValue(t.Context(), theirs{}, "value")
	for name, asksDone := range map[string]bool{"at first": false, "after Done": true} {
		for _, traced := range []bool{false, true} {
			c, ctx := begin(parent, traced)
			if asksDone {
				ctx.Done()
			}
			child := context.WithValue(ctx, below{}, 1)
			if call.From(child) != c || child.Value(theirs{}) != "value" {
				t.Errorf("%s: the call is %v, the parent's value %v", name, call.From(child), child.Value(theirs{}))
			}
			if sc := trace.SpanContextFromContext(child); sc.IsValid() != traced || traced && (!sc.IsRemote() || sc.TraceID() != c.Span.TraceID()) {
				t.Errorf("%s, traced %v: span %v", name, traced, sc)
			}
		}
	}
}

func TestContextEnds(t *testing.T) {
	cases := map[string]struct {
		reason string
		end    func(c *call.Call, ctx *call.Context, cancel context.CancelFunc)
		want   error
	}{
		"returned": {"the handler has returned", func(_ *call.Call, ctx *call.Context, _ context.CancelFunc) { ctx.End() }, context.Canceled},
		"gone":     {"the client has gone", func(_ *call.Call, _ *call.Context, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"overran":  {"the deadline has passed", func(c *call.Call, ctx *call.Context, _ context.CancelFunc) { c.Overrun(); ctx.End() }, context.DeadlineExceeded},
	}
	for name, tc := range cases {
		for _, early := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				c, ctx := begin(parent, true)
				var derived context.Context = ctx
				if early { // the handler waits already
					var stop context.CancelFunc
					derived, stop = context.WithTimeout(ctx, time.Hour)
					defer stop()
				}
				if err := ctx.Err(); err != nil {
					t.Errorf("before its end: %v", err)
				}
				tc.end(c, ctx, cancel)
				for _, x := range []context.Context{ctx, derived} {
					<-x.Done()
					if err := ctx.Err(); !errors.Is(err, tc.want) {
						t.Errorf("%s: %v, want %v", tc.reason, err, tc.want)
					}
					if x.Err() == nil || context.Cause(x) == nil {
						t.Errorf("%s: done without an error", tc.reason)
					}
				}
			})
		}
	}
}

func TestContextDeadline(t *testing.T) {
	early, late := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	parent, cancel := context.WithDeadline(t.Context(), late)
	defer cancel()
	c, ctx := begin(parent, false)
	c.Deadline = early
	if got, ok := ctx.Deadline(); !ok || !got.Equal(early) {
		t.Errorf("deadline %v, %v", got, ok)
	}
	c.Stream()
	if got, ok := ctx.Deadline(); !ok || !got.Equal(late) {
		t.Errorf("once the answer streams: %v, %v", got, ok)
	}
}
