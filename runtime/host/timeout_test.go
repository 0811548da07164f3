package host_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

func TestTimeout(t *testing.T) {
	type outcome struct {
		ctx, emit error
	}
	cases := map[string]struct {
		reason   string
		function func(release <-chan struct{}, saw chan<- outcome) host.Function
		status   int
		waits    bool // the handler ignores its context until it is released
	}{
		"typed, heeds": {"a handler that returns its context's error is a timeout", func(_ <-chan struct{}, saw chan<- outcome) host.Function {
			return adapt.Typed("f", func(ctx context.Context, _ any) (any, error) {
				<-ctx.Done()
				saw <- outcome{ctx: ctx.Err(), emit: fn.Emit(ctx, "next", 1)}
				return nil, ctx.Err()
			})
		}, 504, false},
		"typed, hangs": {"a handler that ignores its context is answered for", func(release <-chan struct{}, saw chan<- outcome) host.Function {
			return adapt.Typed("f", func(ctx context.Context, _ any) (any, error) {
				<-release
				saw <- outcome{ctx: ctx.Err(), emit: fn.Emit(ctx, "next", 1)}
				return "late", nil
			})
		}, 504, true},
		"HTTP, hangs": {"a handler that ignores its context is answered for", func(release <-chan struct{}, saw chan<- outcome) host.Function {
			return adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X", "y")
				_, _ = io.WriteString(w, "early")
				<-release
				if _, err := io.WriteString(w, "late"); !errors.Is(err, http.ErrHandlerTimeout) {
					t.Errorf("late Write: %v", err)
				}
				saw <- outcome{ctx: r.Context().Err(), emit: fn.Emit(r.Context(), "next", 1)}
			}))
		}, 504, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			release, saw := make(chan struct{}), make(chan outcome, 1)
			h, log := newHost(t, host.Options{Timeout: 20 * time.Millisecond}, tc.function(release, saw))
			server := httptest.NewServer(h)
			defer server.Close()
			resp, err := http.Post(server.URL, "application/json", strings.NewReader("1"))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			must(t, resp.Body.Close())
			if resp.StatusCode != tc.status || !strings.Contains(string(body), `"error":`) || resp.Header.Get("X") != "" {
				t.Errorf("%s: answer %d %s", tc.reason, resp.StatusCode, body)
			}
			close(release)
			got := <-saw
			if !errors.Is(got.ctx, context.DeadlineExceeded) {
				t.Errorf("%s: the context ends with %v", tc.reason, got.ctx)
			}
			if !errors.Is(got.emit, fn.ErrEnded) {
				t.Errorf("%s: Emit after the deadline: %v", tc.reason, got.emit)
			}
			if !strings.Contains(log.String(), `"status":504`) {
				t.Errorf("%s: the log does not say so:\n%s", tc.reason, log)
			}
		})
	}
}

func TestTimeoutEndsWithTheStream(t *testing.T) {
	const timeout = 300 * time.Millisecond
	h, _ := newHost(t, host.Options{Timeout: timeout}, adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d, ok := r.Context().Deadline(); !ok || time.Until(d) > timeout {
			t.Errorf("deadline %v, %v", d, ok)
		}
		must(t, http.NewResponseController(w).Flush())
		if _, ok := r.Context().Deadline(); ok {
			t.Error("a streaming call has a deadline")
		}
		select {
		case <-r.Context().Done():
			t.Error("a streaming call is cut off")
		case <-time.After(timeout + timeout/3): // the deadline has passed
		}
		_, _ = io.WriteString(w, "end")
	})))
	server := httptest.NewServer(h)
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "end" {
		t.Errorf("stream %q, %v", body, err)
	}
	must(t, resp.Body.Close())
}

func TestAbortStopsTheClock(t *testing.T) {
	// A timer that outlived the call would write to a ResponseWriter that is
	// no longer its own: the race detector would tell.
	h, _ := newHost(t, host.Options{Timeout: time.Millisecond}, adapt.HTTP("f", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})))
	for range 20 {
		func() {
			defer func() {
				if v := recover(); v != nil && v != http.ErrAbortHandler {
					t.Errorf("panic %v", v)
				}
			}()
			do(h, request("GET", "/", ""))
		}()
	}
}

func TestClientGone(t *testing.T) {
	h, _ := newHost(t, host.Options{Timeout: time.Minute}, adapt.Typed("f", func(ctx context.Context, _ any) (any, error) {
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("context ends with %v, want Canceled", ctx.Err())
		}
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	do(h, delivery(`1`).WithContext(ctx))
}
