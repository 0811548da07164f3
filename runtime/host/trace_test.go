package host_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

func TestTrace(t *testing.T) {
	const (
		inHeader = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		inEvent  = "00-11111111111111111111111111111111-2222222222222222-00"
	)
	cases := map[string]struct {
		reason string
		header []string
		want   string // trace id; any other if empty
		parent string // of what is emitted
	}{
		"header":        {"the header counts", []string{"Traceparent", inHeader, "Tracestate", "a=b"}, inHeader[3:35], inHeader},
		"both":          {"the header wins over the event", []string{"Traceparent", inHeader, "Ce-Traceparent", inEvent}, inHeader[3:35], inHeader},
		"event":         {"else the event's extension", []string{"Ce-Traceparent", inEvent}, inEvent[3:35], inEvent},
		"broken header": {"a broken header counts as none", []string{"Traceparent", "00-zz", "Ce-Traceparent", inEvent}, inEvent[3:35], inEvent},
		"none":          {"else a new trace", nil, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var id string
			h, _ := newHost(t, host.Options{}, adapt.Typed("f", func(ctx context.Context, _ any) (any, error) {
				id = fn.TraceID(ctx)
				if sc := trace.SpanContextFromContext(ctx); sc.TraceID().String() != id || !sc.IsRemote() {
					t.Errorf("OpenTelemetry sees %v, fn %s", sc.TraceID(), id)
				}
				return nil, fn.Emit(ctx, "next", 1)
			}))
			w := do(h, delivery(`1`, tc.header...))
			events, _, err := wire.Read(w.Header(), w.Body.Bytes())
			if err != nil || len(events) != 1 {
				t.Fatalf("%v: %s", err, w.Body)
			}
			parent, state := wire.TraceParent(&events[0])
			if tc.want == "" {
				if len(id) != 32 || !strings.Contains(parent, id) {
					t.Errorf("%s: trace id %q, emitted %q", tc.reason, id, parent)
				}
				return
			}
			if id != tc.want || parent != tc.parent {
				t.Errorf("%s: trace id %s, emitted %s; want %s, %s", tc.reason, id, parent, tc.want, tc.parent)
			}
			if name == "header" && state != "a=b" {
				t.Errorf("tracestate %q", state)
			}
		})
	}
}

func TestLog(t *testing.T) {
	f := adapt.Typed("countItems", func(ctx context.Context, _ any) (any, error) {
		fn.Logger(ctx).Info("one", "k", 1)
		fn.Logger(ctx).InfoContext(ctx, "two")
		slog.InfoContext(ctx, "three")
		slog.Default().With("a", 1).WithGroup("g").InfoContext(ctx, "four", "b", 2)
		fn.Logger(ctx).WithGroup("g").With("c", 3).Info("five")
		slog.Info("six")
		return nil, nil
	})
	h, log := newHost(t, host.Options{}, f)
	old := slog.Default()
	t.Cleanup(func() { slog.SetDefault(old) })
	slog.SetDefault(newLogger(log))
	do(h, delivery(`1`, "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Ce-Weftattempt", "2"))
	ids := map[string]any{"function": "countItems", "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "event_id": "in-1", "attempt": 2.0}
	with := func(msg string, more map[string]any) map[string]any {
		line := map[string]any{"level": "INFO", "msg": msg}
		for k, v := range ids {
			line[k] = v
		}
		for k, v := range more {
			line[k] = v
		}
		return line
	}
	want := []map[string]any{
		with("one", map[string]any{"k": 1.0}),
		with("two", nil),
		with("three", nil),
		with("four", map[string]any{"a": 1.0, "g": map[string]any{"b": 2.0}}),
		with("five", map[string]any{"g": map[string]any{"c": 3.0}}),
		{"level": "INFO", "msg": "six"},
	}
	var got []map[string]any
	for text := range strings.Lines(log.String()) {
		if strings.Count(text, `"trace_id"`) > 1 {
			t.Errorf("ids are given twice: %s", text)
		}
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		delete(line, "time")
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log -want +got:\n%s", diff)
	}
}
