package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/daprtest"
	"github.com/weftmesh/weft/runtime/pubsub"
)

type order struct {
	ID string `json:"id"`
}

// each runs a test against the memory of a harness, directly and through gRPC
// and the client of go-sdk.
func each(t *testing.T, f func(t *testing.T, m component.Backend, h *fntest.Harness, ctx context.Context)) {
	t.Run("memory", func(t *testing.T) {
		h := fntest.New(t)
		f(t, component.From(h.Context()).Backend, h, h.Context())
	})
	t.Run("grpc", func(t *testing.T) {
		h := fntest.New(t)
		m := component.From(h.Context()).Backend
		f(t, m, h, component.With(h.Context(), daprtest.Serve(t, m)("")))
	})
}

func TestPublish(t *testing.T) {
	own := event.New()
	own.SetID("e-1")
	own.SetSource("/shop")
	own.SetType("shop.order")
	if err := own.SetData("application/json", order{"1"}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason   string
		v        any
		opts     []pubsub.Option
		data     string
		mime     string
		metadata map[string]string
	}{
		"value":    {"values are JSON", order{"1"}, nil, `{"id":"1"}`, "application/json", nil},
		"JSON":     {"bytes that are JSON", []byte(`[1]`), nil, `[1]`, "application/json", nil},
		"bytes":    {"bytes that are none", []byte{255}, nil, "\xff", "application/octet-stream", nil},
		"text":     {"text is text", "hello", nil, "hello", "text/plain", nil},
		"no text":  {"a string that is no text", "\xff", nil, "\xff", "application/octet-stream", nil},
		"nil":      {"no value is null", nil, nil, "null", "application/json", nil},
		"said":     {"the author knows better", "<a/>", []pubsub.Option{pubsub.ContentType("application/xml")}, "<a/>", "application/xml", nil},
		"raw":      {"no CloudEvent is made", order{"1"}, []pubsub.Option{pubsub.Raw()}, `{"id":"1"}`, "application/json", map[string]string{"rawPayload": "true"}},
		"TTL":      {"whole seconds, rounded up", order{"1"}, []pubsub.Option{pubsub.TTL(1500 * time.Millisecond)}, `{"id":"1"}`, "application/json", map[string]string{"ttlInSeconds": "2"}},
		"metadata": {"the component's own", 1, []pubsub.Option{pubsub.Metadata("partitionKey", "a"), pubsub.Metadata("b", "c")}, `1`, "application/json", map[string]string{"partitionKey": "a", "b": "c"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m component.Backend, h *fntest.Harness, ctx context.Context) {
				if err := pubsub.Publish(ctx, "orders", "accepted", tc.v, tc.opts...); err != nil {
					t.Fatal(err)
				}
				got := h.Published("orders", "accepted")
				if len(got) != 1 || string(got[0].Data()) != tc.data || got[0].DataContentType() != tc.mime {
					t.Errorf("%s: published %v", tc.reason, got)
				}
				messages := m.(interface {
					Published(name, topic string) []component.Message
				}).Published("orders", "accepted")
				if tc.metadata == nil {
					tc.metadata = map[string]string{}
				}
				if messages[0].Metadata == nil {
					messages[0].Metadata = map[string]string{}
				}
				if diff := cmp.Diff(tc.metadata, messages[0].Metadata); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
			})
		})
	}
	t.Run("an event keeps its attributes", func(t *testing.T) {
		each(t, func(t *testing.T, _ component.Backend, h *fntest.Harness, ctx context.Context) {
			for i, v := range []any{own, &own} {
				if err := pubsub.Publish(ctx, "orders", "accepted", v); err != nil {
					t.Fatal(err)
				}
				if got := h.Published("orders", "accepted"); len(got) != i+1 || got[i].ID() != "e-1" || got[i].Type() != "shop.order" || string(got[i].Data()) != `{"id":"1"}` {
					t.Errorf("published %T: %v", v, got)
				}
			}
			if err := pubsub.Publish(ctx, "orders", "accepted", (*event.Event)(nil)); err == nil {
				t.Error("no event is published as one")
			}
		})
	})
}

func TestErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		fault  error
		topic  string
		v      any
		opts   []pubsub.Option
		is     error
		text   string
	}{
		"not declared": {"the way out is named", pubsub.ErrNoComponent, "t", 1, nil, pubsub.ErrNoComponent, `pubsub orders: publish to "t": not declared for this function: `},
		"denied":       {"by the component's scopes", pubsub.ErrDenied, "t", 1, nil, pubsub.ErrDenied, "not allowed"},
		"unavailable":  {"an engine that is gone", pubsub.ErrUnavailable, "t", 1, nil, pubsub.ErrUnavailable, "cannot be reached"},
		"the broker's": {"what the broker says is told", errors.New("queue full"), "t", 1, nil, nil, "queue full"},
		"large":        {"the limit of the API", nil, "t", strings.Repeat("x", 5<<20), nil, pubsub.ErrTooLarge, "larger than the limit"},
		"link":         {"the engine's own topics", nil, "weft.order.validate", 1, nil, nil, "use fn.Emit"},
		"no topic":     {"Dapr refuses it", nil, "", 1, nil, nil, "must have names"},
		"no time":      {"0 would mean at once", nil, "t", 1, []pubsub.Option{pubsub.TTL(0)}, nil, "a TTL must be positive"},
		"no JSON":      {"a value must be sendable", nil, "t", func() {}, nil, nil, "not JSON-able"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, _ component.Backend, h *fntest.Harness, ctx context.Context) {
				if tc.fault != nil {
					h.FailNext("orders", -1, tc.fault)
				}
				err := pubsub.Publish(ctx, "orders", tc.topic, tc.v, tc.opts...)
				if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("%s: %v, want %v, %q", tc.reason, err, tc.is, tc.text)
				}
				if got := h.Published("orders", tc.topic); len(got) != 0 {
					t.Errorf("%s: published %v", tc.reason, got)
				}
			})
		})
	}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("DAPR_GRPC_ENDPOINT", "")
	t.Setenv("DAPR_GRPC_PORT", "")
	if err := pubsub.Publish(t.Context(), "orders", "t", 1); !errors.Is(err, pubsub.ErrNoEngine) {
		t.Errorf("Publish = %v", err)
	}
}

// example stands in for the test that an Example is none.
type example struct{ testing.TB }

func (example) Helper()                  {}
func (example) Cleanup(func())           {}
func (example) Failed() bool             { return false }
func (example) Context() context.Context { return context.Background() }

func ExamplePublish() {
	h := fntest.New(example{}) // a test has fntest.New(t), and a handler its context from the engine
	ctx := h.Context()

	if err := pubsub.Publish(ctx, "orders", "accepted", order{ID: "order-1"}, pubsub.TTL(time.Hour)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(fntest.PublishedAs[order](h, "orders", "accepted"))
	// Output: [{order-1}]
}
