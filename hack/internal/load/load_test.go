package load

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRun(t *testing.T) {
	var mu sync.Mutex
	got := make(map[string]int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("Idempotency-Key")
		if got[id]++; id == ID("t-", 7) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	orders, err := Run(t.Context(), Config{Addr: srv.Listener.Addr().String(), Count: 50, Connections: 8, Rate: 5000, Prefix: "t-"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 50 {
		t.Errorf("%d ids arrived, want 50", len(got))
	}
	for n, o := range orders {
		if o.Accepted() != (n != 7) || o.Took <= 0 || got[ID("t-", n)] != 1 {
			t.Errorf("order %d = %+v, sent %d times", n, o, got[ID("t-", n)])
		}
	}
}

func TestPersist(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	orders, err := Run(t.Context(), Config{Addr: srv.Listener.Addr().String(), Count: 1, Prefix: "t-", Persist: true})
	if err != nil {
		t.Fatal(err)
	}
	if !orders[0].Accepted() || calls.Load() != 3 {
		t.Errorf("accepted %v after %d calls, want 3", orders[0].Accepted(), calls.Load())
	}
}

func TestLoopbackOnly(t *testing.T) {
	if _, err := Run(t.Context(), Config{Addr: "192.0.2.1:80", Count: 1}); err == nil {
		t.Error("an address of another machine was taken")
	}
}

func TestNumber(t *testing.T) {
	tests := map[string]struct {
		reason string
		id     string
		n      int
		ok     bool
	}{
		"own":   {"what ID made", ID("t-", 42), 42, true},
		"other": {"an order of another run", ID("u-", 42), 0, false},
		"word":  {"not a number", "t-x", 0, false},
		"minus": {"not a number of an order", "t--1", -1, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n, ok := Number("t-", tc.id)
			if ok != tc.ok || ok && n != tc.n {
				t.Errorf("%s: %d, %v", tc.reason, n, ok)
			}
		})
	}
}
