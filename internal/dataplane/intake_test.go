package dataplane

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

// TestIntake: while one large request is in memory there is room for small ones
// and for no other large one, which is told to come again.
func TestIntake(t *testing.T) {
	reached, let := make(chan struct{}), make(chan struct{})
	i := newIntake(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			close(reached)
			<-let
		}
	}))
	i.room, i.wait = semaphore.NewWeighted(maxMessage+leastRoom), time.Millisecond
	ask := func(path string, length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, io.NopCloser(strings.NewReader("{}")))
		r.ContentLength = length
		w := httptest.NewRecorder()
		i.ServeHTTP(w, r)
		return w
	}
	held := make(chan struct{})
	go func() {
		defer close(held)
		ask("/held", -1)
	}()
	<-reached
	for name, tc := range map[string]struct {
		reason string
		length int64
		want   int
	}{
		"small":    {reason: "there is room for it", length: 2, want: http.StatusOK},
		"large":    {reason: "there is none", length: leastRoom + 1, want: http.StatusServiceUnavailable},
		"unknown":  {reason: "it may be large", length: -1, want: http.StatusServiceUnavailable},
		"too much": {reason: "a part of it is read before it is refused", length: 1 << 40, want: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask("/", tc.length)
			if again := w.Header().Get("Retry-After") != ""; w.Code != tc.want || again != (tc.want != http.StatusOK) {
				t.Errorf("%s: %d, again: %v", tc.reason, w.Code, again)
			}
		})
	}
	close(let)
	<-held
	if w := ask("/", -1); w.Code != http.StatusOK {
		t.Errorf("what is done gives no room back: %d", w.Code)
	}
}

// TestSinkIsBounded: what functions and the sidecar send is bounded in time and in
// memory.
func TestSinkIsBounded(t *testing.T) {
	c := newCluster(t, "knative", nil)
	p := &process{opts: c.options(RoleFront)}
	if err := p.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.reachBroker(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		p.servers.close()
		if err := p.broker.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.servers.listen(p); err != nil {
		t.Fatal(err)
	}
	if got := p.servers.sink.ReadTimeout; got != bodyTimeout {
		t.Errorf("a body may take %v, want %v", got, bodyTimeout)
	}
	if _, ok := p.servers.sink.Handler.(*intake); !ok {
		t.Errorf("%T bounds nothing", p.servers.sink.Handler)
	}
}
