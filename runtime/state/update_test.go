package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
)

var counters = state.Of[int]("counters")

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		add := func(n *int) error { *n += 2; return nil }
		for range 2 {
			if err := counters.Update(ctx, "k", add); err != nil {
				t.Fatal(err)
			}
		}
		if got := fntest.StateAs[int](h, "counters", "k"); got != 4 {
			t.Errorf("%d, want 4", got)
		}
		own := errors.New("own")
		if err := counters.Update(ctx, "k", func(n *int) error { *n = 9; return own }); err != own {
			t.Errorf("the callback's error is returned as it is: %v", err)
		}
		conflict := fmt.Errorf("the author's: %w", state.ErrConflict)
		calls := 0
		if err := counters.Update(ctx, "k", func(*int) error { calls++; return conflict }); err != conflict || calls != 1 {
			t.Errorf("and ends the update, whatever it is: %v after %d calls", err, calls)
		}
		if got := fntest.StateAs[int](h, "counters", "k"); got != 4 {
			t.Errorf("%d, want 4: a failed callback writes nothing", got)
		}
	})
}

// An update that leaves the value as it was does not write, so that an event
// that comes again costs others no conflict.
func TestUpdateWithoutChange(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		h.SetState("counters", "k", 1)
		before, err := counters.GetItem(ctx, "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := counters.Update(ctx, "k", func(*int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if after, err := counters.GetItem(ctx, "k"); err != nil || after.ETag != before.ETag {
			t.Errorf("etag %q, %v; want %q", after.ETag, err, before.ETag)
		}
		if err := counters.Update(ctx, "zero", func(*int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"k", "zero"}, h.StateKeys("counters")); diff != "" {
			t.Errorf("a key that did not exist is made: -want +got:\n%s", diff)
		}
	})
}

func TestUpdateBeginsAgain(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		var seen []int
		err := counters.Update(ctx, "k", func(n *int) error {
			seen = append(seen, *n)
			if len(seen) < 4 {
				h.SetState("counters", "k", 10*len(seen)) // someone else
			}
			*n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{0, 10, 20, 30}, seen); diff != "" {
			t.Errorf("what the callback saw: -want +got:\n%s", diff)
		}
		if got := fntest.StateAs[int](h, "counters", "k"); got != 31 {
			t.Errorf("%d, want 31", got)
		}
	})
}

// Conflicts without end: the attempts are bounded, and so is the time.
func TestUpdateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fntest.New(t)
		h.FailNext("counters", -1, state.ErrConflict)
		calls, began := 0, time.Now()
		err := counters.Update(h.Context(), "k", func(*int) error { calls++; return nil })
		if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), `state counters: update "k": 20 attempts`) {
			t.Errorf("Update = %v", err)
		}
		if calls != 20 {
			t.Errorf("%d calls, want 20", calls)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestUpdateEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fntest.New(t)
		h.FailNext("counters", -1, state.ErrConflict)
		ctx, cancel := context.WithCancel(h.Context())
		calls := 0
		err := counters.Update(ctx, "k", func(*int) error {
			if calls++; calls == 3 {
				time.AfterFunc(time.Nanosecond, cancel)
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) || calls > 4 {
			t.Errorf("Update = %v after %d calls", err, calls)
		}
		if err := counters.Update(ctx, "k", func(*int) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Update = %v", err)
		}
	})
}

// An update that uses its own key waits for itself, until the context ends.
func TestUpdateWithinUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fntest.New(t)
		ctx, cancel := context.WithTimeout(h.Context(), time.Second)
		defer cancel()
		err := counters.Update(ctx, "k", func(*int) error {
			return counters.Update(ctx, "k", func(*int) error { return nil })
		})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for calls of this process") {
			t.Errorf("Update = %v", err)
		}
		if err := counters.Update(h.Context(), "k", func(*int) error { return nil }); err != nil {
			t.Errorf("the key is free again: %v", err)
		}
	})
}

// TestContention: several processes of several goroutines each change one key.
// No change is lost.
func TestContention(t *testing.T) {
	const processes, goroutines, rounds = 4, 8, 5
	h := fntest.New(t)
	process := overGRPC(t, h)
	var wg sync.WaitGroup
	var tries, failed atomic.Int64
	for range processes {
		ctx := process()
		for range goroutines {
			wg.Go(func() {
				for range rounds {
					err := counters.Update(ctx, "hot", func(n *int) error { tries.Add(1); *n++; return nil })
					if errors.Is(err, state.ErrConflict) {
						failed.Add(1) // 20 attempts were not enough; the caller is told
					} else if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	const all = processes * goroutines * rounds
	if got := fntest.StateAs[int](h, "counters", "hot"); got != all-int(failed.Load()) {
		t.Errorf("%d, want %d - %d", got, all, failed.Load())
	}
	t.Logf("%d updates by %d processes took %d tries, %d gave up", all, processes, tries.Load(), failed.Load())
}

// Within one process updates take turns: no try is in vain.
func TestNoConflictsInOneProcess(t *testing.T) {
	h := fntest.New(t)
	ctx := overGRPC(t, h)()
	var wg sync.WaitGroup
	var tries atomic.Int64
	const all = 100
	for range all {
		wg.Go(func() {
			if err := counters.Update(ctx, "hot", func(n *int) error { tries.Add(1); *n++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if tries.Load() != all {
		t.Errorf("%d tries for %d updates", tries.Load(), all)
	}
}
