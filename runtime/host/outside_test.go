package host_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// Events that the gateway passes on from outside cannot speak for the engine,
// whichever way a handler reads them.
func TestEventsFromOutside(t *testing.T) {
	const one = `{"specversion":"1.0","id":"a","source":"/s","type":"t","weftfrom":"forged","weftattempt":"7","own":"kept","data":1}`
	saw := func(ctx context.Context, e *event.Event) string {
		return fmt.Sprintf("from=%s attempt=%d own=%s", wire.Extension(e, "weftfrom"), fn.Attempt(ctx), wire.Extension(e, "own"))
	}
	functions := map[string]host.Function{
		"event": adapt.CloudEvent("f", func(ctx context.Context, e event.Event) error { return fn.Permanent(fmt.Errorf("%s", saw(ctx, &e))) }),
		"http": adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || int64(len(body)) != r.ContentLength {
				t.Errorf("a body of %d bytes, said to have %d (%v)", len(body), r.ContentLength, err)
			}
			events, _, err := wire.Read(r.Header, body)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(w, saw(r.Context(), &events[0])) // into memory
		})),
	}
	for name, tc := range map[string]struct {
		reason    string
		structure string
		body      string
		outside   bool
		want      string
	}{
		"structured":   {"the gateway has not read the body", "application/cloudevents+json", one, true, "from= attempt=1 own=kept"},
		"batch":        {"nor this one", "application/cloudevents-batch+json", "[" + one + "]", true, "from= attempt=1 own=kept"},
		"not outside":  {"a delivery is the engine's", "application/cloudevents+json", one, false, "from=forged attempt=7 own=kept"},
		"batch of its": {"and so is a batch", "application/cloudevents-batch+json", "[" + one + "]", false, "from=forged attempt=7 own=kept"},
	} {
		for kind, f := range functions {
			t.Run(name+"/"+kind, func(t *testing.T) {
				h, _ := newHost(t, host.Options{Sink: sinkURL}, f)
				headers := []string{"Content-Type", tc.structure, "Weft-Token", "s3cret"}
				if tc.outside {
					headers = append(headers, "Weft-Event-Id", "its-own")
				}
				if w := do(h, request("POST", "/", tc.body, headers...)); !strings.Contains(w.Body.String(), tc.want) {
					t.Errorf("%s: no %q in %s", tc.reason, tc.want, w.Body)
				}
			})
		}
	}
}
