package delivery

import (
	"testing"
	"time"
)

// under has the limiter see ten minutes of calls that are always as many at
// once as it allows, and returns the limit it comes to.
func under(l *limiter, took func(inFlight int) time.Duration) int {
	at := time.Unix(0, 0)
	for end := at.Add(10 * time.Minute); at.Before(end); {
		n := l.now()
		d := took(n)
		at = at.Add(max(d, limitWindow/2))
		for range n {
			l.called(at, d, n)
		}
	}
	return l.now()
}

func TestLimiter(t *testing.T) {
	tests := map[string]struct {
		reason    string
		most      int
		took      func(inFlight int) time.Duration
		low, high int
	}{
		"waits":    {"calls that wait for something else do not disturb one another", 256, func(int) time.Duration { return 100 * time.Millisecond }, 256, 256},
		"computes": {"calls that share processors take longer the more there are", 256, func(n int) time.Duration { return time.Duration(n) * time.Millisecond }, limitFloor, 128},
		"few":      {"what the function's concurrency allows is the limit", 8, func(n int) time.Duration { return time.Duration(n) * time.Millisecond }, 8, 8},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := under(newLimiter(tc.most), tc.took); got < tc.low || got > tc.high {
				t.Errorf("%s: limit %d, want %d to %d", tc.reason, got, tc.low, tc.high)
			}
		})
	}
}

func TestLimiterShrinks(t *testing.T) {
	l := newLimiter(256)
	if got := under(l, func(int) time.Duration { return 20 * time.Millisecond }); got != 256 {
		t.Fatalf("limit %d after calls that only wait, want 256", got)
	}
	at := time.Unix(1e6, 0)
	for range 60 {
		at = at.Add(limitWindow)
		for range limitCalls {
			l.called(at, time.Second, l.now())
		}
	}
	if got := l.now(); got > 64 {
		t.Errorf("limit %d after calls became fifty times slower, want it near the floor", got)
	}
}

func TestLimiterKeepsUnusedRoom(t *testing.T) {
	l := newLimiter(256)
	at := time.Unix(0, 0)
	for range 600 {
		at = at.Add(limitWindow / 10)
		l.called(at, time.Millisecond, 1)
	}
	if got := l.now(); got != limitFloor {
		t.Errorf("limit %d with one call at a time, want %d: there is nothing to grow for", got, limitFloor)
	}
}
