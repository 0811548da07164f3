package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// withToken are endpoints of functions that have a token.
type withToken struct{ *world }

func (e withToken) Acquire(ctx context.Context, f *mesh.Function) (delivery.Endpoint, error) {
	ep, err := e.world.Acquire(ctx, f)
	ep.Token = "its own"
	return ep, err
}

// Where a route takes events, they reach the function in their mode, with its
// token and without what only an engine may say.
func TestEventsFromOutside(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		header []string
		want   map[string]string
	}{
		"binary": {
			reason: "attributes are headers",
			header: []string{"Ce-Id", "1", "Ce-Specversion", "1.0", "Ce-Source", "x", "Ce-Type", "y", "Ce-Weftfrom", "z", "Weft-Token", "guessed"},
			want:   map[string]string{"Ce-Id": "1", "Ce-Weftfrom": "", "Weft-Token": "its own"},
		},
		"structured": {
			reason: "the event is the body",
			header: []string{"Content-Type", "application/cloudevents+json"},
			want:   map[string]string{"Content-Type": "application/cloudevents+json", "Weft-Token": "its own"},
		},
		"plain": {
			reason: "a request without an event has no token",
			header: []string{"Content-Type", "application/json"},
			want:   map[string]string{"Content-Type": "application/json", "Weft-Token": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(map[string]string)
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				for name := range tc.want {
					got[name] = r.Header.Get(name)
				}
				rw.Header().Set("Ce-Id", "answer")
				_, _ = io.WriteString(rw, "{}") // a client that is gone fails below
			}, func(cfg *Config) {
				cfg.Plan.Function("alone").Triggers[0].Events = true
				cfg.Endpoints = withToken{cfg.Endpoints.(*world)}
			})
			req, err := http.NewRequest(http.MethodPost, w.server.URL+"/alone", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(tc.header); i += 2 {
				req.Header.Set(tc.header[i], tc.header[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Ce-Id") != "answer" {
				t.Errorf("answered %s with %v", resp.Status, resp.Header)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
