package concurrency

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	panicAt := func(ago time.Duration, peak int) Mode { return Mode{Since: epoch.Add(-ago), Peak: peak} }
	cases := map[string]struct {
		reason string
		config Config
		mode   Mode
		// idle is the time since the last call.
		idle          time.Duration
		ready         int
		stable, panic float64
		want          int
		wantMode      Mode
	}{
		"OneCall": {
			reason: "ceil(1/70) = 1",
			config: Config{Target: 70}, ready: 1, stable: 1, panic: 1, want: 1,
		},
		"ExactlyTarget": {
			reason: "ceil(140/70) = 2 of 2 ready: 100 % is no panic",
			config: Config{Target: 70}, ready: 2, stable: 140, panic: 140, want: 2,
		},
		"JustAboveTarget": {
			reason: "ceil(141/70) = 3",
			config: Config{Target: 70}, ready: 2, stable: 141, panic: 141, want: 3,
		},
		"PanicBegins": {
			reason: "the panic window wants ceil(15/5) = 3, the stable one 1; 3/1 >= 200 %: panic, 3",
			config: Config{Target: 5}, ready: 1, stable: 4, panic: 15, want: 3, wantMode: panicAt(0, 3),
		},
		"PanicAtThreshold": {
			reason: "2/1 is 200 %, which is the threshold",
			config: Config{Target: 5}, ready: 1, stable: 5, panic: 10, want: 2, wantMode: panicAt(0, 2),
		},
		"BelowThreshold": {
			reason: "the panic window wants 3 of 2 ready, 150 %: the stable window decides",
			config: Config{Target: 5}, ready: 2, stable: 8, panic: 15, want: 2,
		},
		"PanicKeepsPeak": {
			reason: "in panic nothing is scaled in: the peak of 8 stays though both windows want 1",
			config: Config{Target: 5}, mode: panicAt(30*time.Second, 8), ready: 8, stable: 1, panic: 1,
			want: 8, wantMode: panicAt(30*time.Second, 8),
		},
		"PanicTakesStable": {
			reason: "in panic the larger of the windows holds: stable ceil(50/5) = 10 over panic 2",
			config: Config{Target: 5}, mode: panicAt(time.Second, 3), ready: 8, stable: 50, panic: 10,
			want: 10, wantMode: panicAt(time.Second, 10),
		},
		"PanicExtended": {
			reason: "still over the threshold: the panic starts anew with its peak",
			config: Config{Target: 5}, mode: panicAt(59*time.Second, 4), ready: 1, stable: 20, panic: 10,
			want: 4, wantMode: panicAt(0, 4),
		},
		"PanicEnds": {
			reason: "a stable window after the threshold was last exceeded: stable mode, at most halved",
			config: Config{Target: 5}, mode: panicAt(61*time.Second, 8), ready: 8, stable: 1, panic: 1, want: 4,
		},
		"PanicNotYetOver": {
			reason: "exactly a stable window is not longer than one",
			config: Config{Target: 5}, mode: panicAt(60*time.Second, 8), ready: 8, stable: 1, panic: 1,
			want: 8, wantMode: panicAt(60*time.Second, 8),
		},
		"ScaleDownRate": {
			reason: "one decision at most halves: floor(10/2) = 5 though 1 is wanted",
			config: Config{Target: 10}, ready: 10, stable: 3, panic: 3, want: 5,
		},
		"ScaleUpRate": {
			reason: "with rate 2 at most ceil(2*3) = 6 of the 20 wanted",
			config: Config{Target: 1, MaxScaleUpRate: 2}, ready: 3, stable: 20, panic: 20, want: 6,
			wantMode: panicAt(0, 6),
		},
		"ScaleUpRateFraction": {
			reason: "ceil(1.1*2) = 3, so that a low rate still allows a step",
			config: Config{Target: 1, MaxScaleUpRate: 1.1}, ready: 2, stable: 3, panic: 3, want: 3,
		},
		"FromZero": {
			reason: "none ready counts as one: ceil(150/70) = 3, 3/1 is panic",
			config: Config{Target: 70}, stable: 150, panic: 150, want: 3, wantMode: panicAt(0, 3),
		},
		"Max": {
			reason: "max bounds what is wanted; the panic remembers what it wanted",
			config: Config{Target: 1, Max: 4}, ready: 1, stable: 50, panic: 50, want: 4, wantMode: panicAt(0, 50),
		},
		"QuietKeepsOne": {
			reason: "within the idle window one replica stays, as the next call may come",
			config: Config{Target: 70}, idle: 29 * time.Second, ready: 1, want: 1,
		},
		"IdleGoesToZero": {
			reason: "after the idle window nothing stays, whatever the stable window still remembers",
			config: Config{Target: 70}, idle: 30 * time.Second, ready: 1, stable: 10, want: 0,
		},
		"IdleEndsPanic": {
			reason: "no call for the idle window leaves nothing to panic about",
			config: Config{Target: 70}, mode: panicAt(31*time.Second, 8), idle: 31 * time.Second, ready: 8, want: 0,
		},
		"IdleKeepsMin": {
			reason: "min holds in idleness",
			config: Config{Target: 70, Min: 2}, idle: time.Hour, ready: 3, want: 2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, mode := tc.config.Decide(tc.mode, Observation{
				Now: epoch, Ready: tc.ready, Stable: tc.stable, Panic: tc.panic, LastCall: epoch.Add(-tc.idle),
			})
			if got != tc.want {
				t.Errorf("%s: got %d replicas, want %d", tc.reason, got, tc.want)
			}
			if diff := cmp.Diff(tc.wantMode, mode); diff != "" {
				t.Errorf("%s: mode (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	type value struct {
		at time.Duration
		v  float64
	}
	cases := map[string]struct {
		reason string
		values []value
		at     time.Duration
		length time.Duration
		want   float64
	}{
		"Empty":        {reason: "nothing recorded is nothing in flight", length: time.Minute},
		"Young":        {reason: "(4+8)/2: what lies before the first value does not count", values: []value{{0, 4}, {time.Second, 8}}, at: time.Second, length: time.Minute, want: 6},
		"SameSecond":   {reason: "values of one second are averaged, not added", values: []value{{0, 4}, {500 * time.Millisecond, 8}}, at: 900 * time.Millisecond, length: time.Minute, want: 6},
		"Shorter":      {reason: "the last two of three seconds", values: []value{{0, 100}, {time.Second, 4}, {2 * time.Second, 8}}, at: 2 * time.Second, length: 2 * time.Second, want: 6},
		"Gap":          {reason: "(10+0+0+2)/4: a second without a value is zero", values: []value{{0, 10}, {3 * time.Second, 2}}, at: 3 * time.Second, length: time.Minute, want: 3},
		"UnfinishedNo": {reason: "the present second has no value yet and does not count", values: []value{{0, 6}}, at: time.Second, length: time.Minute, want: 6},
		"Forgotten":    {reason: "a value older than the window is gone", values: []value{{0, 6}, {5 * time.Second, 0}}, at: 5 * time.Second, length: 3 * time.Second, want: 0},
		"AllOld":       {reason: "long after the last value nothing is left", values: []value{{0, 6}}, at: time.Hour, length: time.Minute, want: 0},
		"Restart":      {reason: "after a pause longer than the window the function is young again", values: []value{{0, 600}, {time.Hour, 4}}, at: time.Hour, length: time.Minute, want: 4},
		"ClockBack":    {reason: "a clock set back adds to the present second: (4+8)/2", values: []value{{10 * time.Second, 4}, {time.Second, 8}}, at: time.Second, length: time.Minute, want: 6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWindow(time.Minute)
			for _, v := range tc.values {
				w.record(epoch.Add(v.at), v.v)
			}
			if got := w.average(epoch.Add(tc.at), tc.length); got != tc.want {
				t.Errorf("%s: got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

// TestScaler plays a surge second by second: 5 calls in flight for a minute,
// then 50, target 5.
func TestScaler(t *testing.T) {
	s := New(Config{Target: 5, Max: 100})
	now := epoch
	play := func(seconds int, concurrency float64, ready int) (n int) {
		for range seconds {
			now = now.Add(time.Second)
			s.Record(now, concurrency)
			n = s.Replicas(now, ready)
		}
		return n
	}
	steps := []struct {
		reason      string
		seconds     int
		concurrency float64
		ready       int
		want        int
		wantPanic   bool
	}{
		{"5 calls on target 5 need 1", 60, 5, 1, 1, false},
		{"after 1 s of 50 the panic window (6 s) has (5*5+50)/6 = 12.5, wants 3 of 1 ready: panic", 1, 50, 1, 3, true},
		{"after 6 s of 50 it wants 10; stable (54*5+6*50)/60 = 9.5 wants 2", 5, 50, 3, 10, true},
		{"no scaling in while panicking", 55, 5, 10, 10, true},
		{"60 s after the threshold (200 % of 10) was last exceeded stable mode decides: at most halved", 10, 5, 10, 5, false},
		{"and on to what is needed", 60, 5, 1, 1, false},
		{"29 s without calls keep one", 29, 0, 1, 1, false},
		{"the 30th goes to zero", 1, 0, 1, 0, false},
	}
	for _, st := range steps {
		if got := play(st.seconds, st.concurrency, st.ready); got != st.want || s.Panicking() != st.wantPanic {
			t.Errorf("%s: got %d (panic %v), want %d (panic %v)", st.reason, got, s.Panicking(), st.want, st.wantPanic)
		}
	}
}
