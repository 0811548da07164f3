package delivery

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weftmesh/weft/mesh"
)

func TestBreaker(t *testing.T) {
	type step func(b *breaker, t *testing.T)
	fail := func(id string, opens bool) step {
		return func(b *breaker, t *testing.T) {
			if got := b.failure(id, "", time.Now(), time.Now()); got != opens {
				t.Errorf("failure of %s opened = %v, want %v", id, got, opens)
			}
		}
	}
	breaks := func(id, replica string, opens bool) step {
		return func(b *breaker, t *testing.T) {
			if got := b.failure(id, replica, time.Now(), time.Now()); got != opens {
				t.Errorf("broken connection of %s opened = %v, want %v", id, got, opens)
			}
		}
	}
	succeed := func(closes bool) step {
		return func(b *breaker, t *testing.T) {
			if got := b.success(time.Now(), time.Now()); got != closes {
				t.Errorf("success closed = %v, want %v", got, closes)
			}
		}
	}
	pass := func(d time.Duration) step { return func(*breaker, *testing.T) { time.Sleep(d) } }
	ask := func(wait time.Duration, probe bool) step {
		return func(b *breaker, t *testing.T) {
			if w, p, _ := b.ask(time.Now()); w != wait || p != probe {
				t.Errorf("ask = wait %v, probe %v; want %v, %v", w, p, wait, probe)
			}
		}
	}
	claim := func(want bool) step {
		return func(b *breaker, t *testing.T) {
			if got := b.claim(time.Now(), 10*time.Second); got != want {
				t.Errorf("claim = %v, want %v", got, want)
			}
		}
	}
	adopt := func(s BreakerState, in time.Duration, want bool) step {
		return func(b *breaker, t *testing.T) {
			if got := b.adopt(s, time.Now().Add(in), time.Now()); got != want {
				t.Errorf("adopting %s changed = %v, want %v", s, got, want)
			}
		}
	}
	cases := map[string]struct {
		reason string
		steps  []step
	}{
		"Opens":          {"distinct events failing in a row open it", []step{fail("a", false), fail("b", false), fail("c", true), ask(time.Minute, false)}},
		"OneEvent":       {"one event that keeps failing does not", []step{fail("a", false), fail("a", false), fail("a", false), fail("a", false), ask(0, false)}},
		"SuccessBetween": {"a success starts the count anew", []step{fail("a", false), fail("b", false), succeed(false), fail("c", false), fail("d", false), ask(0, false)}},
		"OneCrash":       {"connections that break at once are one crash", []step{breaks("a", "r1", false), breaks("b", "r1", false), breaks("c", "r1", false), breaks("d", "r1", false), ask(0, false)}},
		"CrashLoop": {"a replica that goes on crashing opens it", []step{
			breaks("a", "r1", false), pass(time.Second), breaks("b", "r1", false), pass(time.Second), breaks("c", "r1", true)}},
		"Probe": {"after the recovery one event goes ahead, and no second", []step{
			fail("a", false), fail("b", false), fail("c", true), pass(time.Minute), ask(0, true), claim(true), claim(false), ask(10*time.Second, true)}},
		"ProbeSucceeds": {"its success closes", []step{
			fail("a", false), fail("b", false), fail("c", true), pass(time.Minute), ask(0, true), claim(true), pass(1), succeed(true), ask(0, false)}},
		"ProbeFails": {"its failure opens for another recovery", []step{
			fail("a", false), fail("b", false), fail("c", true), pass(time.Minute), ask(0, true), claim(true), pass(1), fail("c", true), ask(time.Minute, false)}},
		"ProbeLost": {"a probe without a verdict makes room for another", []step{
			fail("a", false), fail("b", false), fail("c", true), pass(time.Minute), ask(0, true), claim(true), pass(10 * time.Second), ask(0, true), claim(true)}},
		"AdoptOpen":   {"another dispatcher's opening counts", []step{adopt(BreakerOpen, 20*time.Second, true), ask(20*time.Second, false)}},
		"AdoptClocks": {"but never for longer than a recovery", []step{adopt(BreakerOpen, time.Hour, true), ask(time.Minute, false)}},
		"AdoptPast":   {"nor when it is over", []step{adopt(BreakerOpen, -time.Second, false), ask(0, false)}},
		"AdoptClosed": {"another's success closes", []step{fail("a", false), fail("b", false), fail("c", true), adopt(BreakerClosed, 0, true), ask(0, false)}},
		"AdoptProbe":  {"another's probe is waited for", []step{adopt(BreakerOpen, time.Second, true), adopt(BreakerHalfOpen, 5*time.Second, true), ask(5*time.Second, true), claim(false)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(mesh.Breaker{FailureThreshold: 3, RecoveryTimeout: time.Minute})
				for _, s := range tc.steps {
					s(b, t)
				}
				if t.Failed() {
					t.Log(tc.reason)
				}
			})
		})
	}
}

func TestBreakerIgnoresOldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(mesh.Breaker{FailureThreshold: 1, RecoveryTimeout: time.Minute})
		before := time.Now()
		time.Sleep(time.Second)
		b.failure("a", "", before, time.Now())
		if b.success(before, time.Now()) {
			t.Error("a call from before the opening closed it")
		}
		time.Sleep(time.Minute)
		b.ask(time.Now())
		if b.success(before, time.Now()) || b.failure("b", "", before, time.Now()) {
			t.Error("a call from before the opening decided over the half-open breaker")
		}
	})
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := jitter(time.Second); d < 900*time.Millisecond || d > 1100*time.Millisecond {
			t.Fatalf("jitter(1s) = %v, more than a tenth off", d)
		}
	}
}
