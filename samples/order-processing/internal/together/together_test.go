package together

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAsk(t *testing.T) {
	boom := errors.New("boom")
	var batches [][]int
	entered, proceed := make(chan struct{}), make(chan struct{})
	tg := New(func(ctx context.Context, in []int) ([]int, error) {
		batches = append(batches, in)
		entered <- struct{}{}
		<-proceed
		if ctx.Err() != nil {
			t.Error("those who wait depend on the one who serves")
		}
		if in[0] < 0 {
			return nil, boom
		}
		out := make([]int, len(in))
		for i, n := range in {
			out[i] = n * n
		}
		return out, nil
	})
	var wg sync.WaitGroup
	ask := func(ctx context.Context, n, want int, wantErr error) {
		wg.Go(func() {
			got, err := tg.Ask(ctx, n)
			if got != want || !errors.Is(err, wantErr) {
				t.Errorf("Ask(%d) = %d, %v, want %d, %v", n, got, err, want, wantErr)
			}
		})
	}
	waiting := func(n int) {
		for {
			tg.mu.Lock()
			now := len(tg.waiting)
			tg.mu.Unlock()
			if now == n {
				return
			}
			if t.Context().Err() != nil {
				t.Fatalf("%d wait, want %d", now, n)
			}
		}
	}
	serving, giveUp := context.WithCancel(t.Context())
	ask(serving, 2, 4, nil)
	<-entered // the first is served alone
	ask(t.Context(), 3, 9, nil)
	waiting(1)
	ask(t.Context(), 4, 16, nil)
	waiting(2)
	giveUp()
	proceed <- struct{}{}
	<-entered // those who came meanwhile, together
	ask(t.Context(), -1, 0, boom)
	waiting(1)
	gone, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := tg.Ask(gone, -2)
		left <- err
	}()
	waiting(2)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up gets %v", err)
	}
	proceed <- struct{}{}
	<-entered // an error is everybody's
	proceed <- struct{}{}
	wg.Wait()
	if diff := cmp.Diff([][]int{{2}, {3, 4}, {-1, -2}}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestAskAfterAPanic(t *testing.T) {
	tg := New(func(_ context.Context, in []int) ([]int, error) {
		if in[0] < 0 {
			panic("told to")
		}
		return in, nil
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = tg.Ask(t.Context(), -1)
		t.Error("the panic reaches no one")
	}()
	if got, err := tg.Ask(t.Context(), 1); got != 1 || err != nil {
		t.Errorf("Ask = %d, %v after another's panic", got, err)
	}
}

// TestAskGathers: who comes before the next batch may begin is in it, and it
// begins early if who waits for it gives up.
func TestAskGathers(t *testing.T) {
	var batches [][]int
	tg := New(func(_ context.Context, in []int) ([]int, error) {
		batches = append(batches, in)
		return in, nil
	})
	tg.next = time.Now().Add(time.Hour)
	waiting, giveUp := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = tg.Ask(waiting, 1)
	}()
	for len(tg.turn) == 0 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	got := make(chan int)
	go func() {
		n, _ := tg.Ask(t.Context(), 2)
		got <- n
	}()
	for t.Context().Err() == nil {
		tg.mu.Lock()
		n := len(tg.waiting)
		tg.mu.Unlock()
		if n == 2 {
			break
		}
		runtime.Gosched()
	}
	giveUp()
	if n := <-got; n != 2 {
		t.Errorf("Ask = %d", n)
	}
	<-left
	if diff := cmp.Diff([][]int{{1, 2}}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}
