package jetstream

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// ackerEnv tells the test binary to be the process that acknowledges events
// until it is killed; waitEnv, that it acknowledges none.
const (
	ackerEnv = "WEFT_JETSTREAM_ACKER"
	waitEnv  = "WEFT_JETSTREAM_WAIT"
)

func startAt(ctx context.Context, dir string) (*Server, delivery.Subscription, error) {
	b, err := Start(ctx, Options{Dir: dir, Namespace: "default", Mesh: "shop", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	if err := b.Declare(ctx, "q"); err != nil {
		return b, nil, err
	}
	sub, err := b.Subscribe(ctx, "q")
	return b, sub, err
}

// acker publishes and acknowledges events, and says each that it has.
func acker(dir string) error {
	ctx := context.Background()
	wait := os.Getenv(waitEnv) != ""
	b, sub, err := startAt(ctx, dir)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		id := strconv.Itoa(i)
		if err := b.Publish(ctx, "q", sized(id, 10)); err != nil {
			return err
		}
		if wait {
			fmt.Println(id)
			continue
		}
		ds, err := sub.Fetch(ctx, 1)
		if err != nil {
			return err
		}
		if err := ds[0].Ack(ctx); err != nil {
			return err
		}
		if i%50 == 0 {
			b.clean.sweep(ctx, time.Now(), false)
		}
		fmt.Println(ds[0].Event().ID())
	}
}

// ackerChild turns the process into that one, if it was started for it.
func ackerChild() {
	if dir := os.Getenv(ackerEnv); dir != "" {
		fmt.Fprintln(os.Stderr, "acker:", acker(dir))
		os.Exit(1)
	}
}

// killed has a process publish 500 events, and acknowledge them unless it is
// told to let them wait, and kills it. It returns the ids.
func killed(t *testing.T, dir string, env ...string) []string {
	t.Helper()
	const enough = 500
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), ackerEnv+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ids = append(ids, lines.Text())
		if len(ids) == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if len(ids) < enough {
		t.Fatalf("the process ended by itself after %d events", len(ids))
	}
	return ids
}

// TestWaitingKnownAfterKill: what a process published before it was killed, and
// nobody has taken yet, is known to the next.
func TestWaitingKnownAfterKill(t *testing.T) {
	dir := t.TempDir()
	ids := killed(t, dir, waitEnv+"=1")
	b, _, err := startAt(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	before := lastSequence(t, b)
	for _, id := range ids {
		if err := b.Publish(t.Context(), "q", sized(id, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if n := lastSequence(t, b) - before; n != 0 {
		t.Errorf("%d of %d waiting events were stored again", n, len(ids))
	}
}

// TestKnownAfterKill: what a process acknowledged before it was killed is known
// to the next, although it is gone from the queue, and does not come again.
func TestKnownAfterKill(t *testing.T) {
	dir := t.TempDir()
	acked := killed(t, dir)
	b, sub, err := startAt(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	before := lastSequence(t, b)
	for _, id := range acked {
		if err := b.Publish(t.Context(), "q", sized(id, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if n := lastSequence(t, b) - before; n != 0 {
		t.Errorf("%d of %d acknowledged events were stored again", n, len(acked))
	}
	if err := b.Publish(t.Context(), "q", sized("new", 10)); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, id := range acked {
		known[id] = true
	}
	for id := ""; id != "new"; {
		ds, err := sub.Fetch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if id = ds[0].Event().ID(); known[id] {
			t.Errorf("%s comes again", id)
		}
		if err := ds[0].Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKnownWhenGone: an acknowledged event leaves the queue at once and is known
// all the same, in the run, when the streams were opened anew, in the next run,
// and in the one after that.
func TestKnownWhenGone(t *testing.T) {
	dir := t.TempDir()
	b, sub, err := startAt(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b != nil {
			_ = b.Close()
		}
	})
	known := func(when string) {
		t.Helper()
		before := lastSequence(t, b)
		if err := b.Publish(t.Context(), "q", sized("a", 10)); err != nil {
			t.Fatal(err)
		}
		if lastSequence(t, b) != before {
			t.Errorf("%s it is stored again", when)
		}
	}
	mustTake(t, b, sub, "a")
	for deadline := time.Now().Add(20 * time.Second); ; {
		s, err := b.js.Stream(t.Context(), b.names.queueStream("q"))
		if err != nil {
			t.Fatal(err)
		}
		if s.CachedInfo().State.Msgs == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("an acknowledged event stays in the queue")
		}
		time.Sleep(10 * time.Millisecond) // the janitor does not say when it has been there
	}
	known("when it is gone")
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	known("when the streams were opened anew")
	for _, when := range []string{"after a restart", "after a second one"} {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if b, sub, err = startAt(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		known(when)
	}
	mustTake(t, b, sub, "b")
	if err := b.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, sub, err = startAt(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	mustTake(t, b, sub, "a") // Remove forgets
}

func lastSequence(t *testing.T, b *Server) uint64 {
	t.Helper()
	s, err := b.js.Stream(t.Context(), b.names.queueStream("q"))
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// mustTake publishes an event and takes it off the queue.
func mustTake(t *testing.T, b *Server, sub delivery.Subscription, id string) {
	t.Helper()
	if err := b.Publish(t.Context(), "q", sized(id, 10)); err != nil {
		t.Fatal(err)
	}
	for {
		ds, err := sub.Fetch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := ds[0].Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ds[0].Event().ID() == id {
			return
		}
	}
}
