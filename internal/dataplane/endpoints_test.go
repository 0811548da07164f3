package dataplane

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// What answers a function's address need not be the function: an ingress says
// 404 of a Service that it has not heard of yet, and 503 while it has no
// replica. No call is made before its readiness probe would pass.
func TestWaitsForTheFunctionItself(t *testing.T) {
	tests := map[string]struct {
		reason string
		probe  *v1beta1.Probe
		path   string
		before int
	}{
		"unknown to the ingress":      {"404 is not the function's", nil, "/health/readiness", http.StatusNotFound},
		"no replica":                  {"nor is 503", nil, "/health/readiness", http.StatusServiceUnavailable},
		"a readiness path of its own": {"no other path is asked", &v1beta1.Probe{HTTPGet: v1beta1.HTTPGet{Path: "/up"}}, "/up", http.StatusNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			const refusals = 3
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != tc.path {
					t.Errorf("%s: %s was asked", tc.reason, r.URL.Path)
				}
				if asked.Add(1) <= refusals {
					w.WriteHeader(tc.before)
				}
			}))
			defer server.Close()
			f := &mesh.Function{Name: "check", Spec: &v1beta1.Function{ReadinessProbe: tc.probe}}
			s := newServices(&mesh.Plan{Functions: []*mesh.Function{f}}, nil, func(*mesh.Function) string { return server.URL }, nil, nil)
			e, err := s.Acquire(t.Context(), f)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			e.Release(false)
			if n := asked.Load(); n != refusals+1 {
				t.Errorf("%s: awake after %d questions, want %d", tc.reason, n, refusals+1)
			}
		})
	}
}

// Functions that are woken ahead of their events take turns, the first at once;
// one that is called does not wait for its turn.
func TestPrewarmTakesTurns(t *testing.T) {
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
	}))
	defer server.Close()
	var functions []*mesh.Function
	for _, name := range []string{"first", "second", "third"} {
		functions = append(functions, &mesh.Function{Name: name, Spec: &v1beta1.Function{
			ReadinessProbe: &v1beta1.Probe{HTTPGet: v1beta1.HTTPGet{Path: "/" + name}},
		}})
	}
	s := newServices(&mesh.Plan{Functions: functions}, nil, func(*mesh.Function) string { return server.URL }, nil, nil)
	s.pace = time.Hour
	for _, f := range functions {
		s.Prewarm(f)
	}
	last := s.turn
	for range 1000 { // events that come meanwhile
		s.Prewarm(functions[1])
		s.Prewarm(functions[2])
	}
	if s.turn != last {
		t.Errorf("who has a turn got another: the next comes %v later", s.turn.Sub(last))
	}
	if got := <-asked; got != "/first" {
		t.Errorf("%s was woken, want the first", got)
	}
	e, err := s.Acquire(t.Context(), functions[2])
	if err != nil {
		t.Fatal(err)
	}
	e.Release(false)
	if got := <-asked; got != "/third" || len(asked) > 0 {
		t.Errorf("%s was woken, and %d more, want the third alone: it is called", got, len(asked))
	}
}
