package daprbroker_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/delivery/brokertest"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

func newEvent(id string) *event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/engines")
	e.SetType("test")
	return &e
}

// start opens an engine on a directory of its own, with queue q.
func start(t *testing.T, dir, meshName string, c component) *engine {
	t.Helper()
	e, err := open(t.Context(), dir, meshName, c, brokertest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	return e
}

// publish publishes events, each until it is durable.
func publish(t *testing.T, b delivery.Broker, ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, id := range ids {
		for {
			err := b.Publish(ctx, "q", newEvent(id))
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("publish %s: %v", id, err)
			}
		}
	}
}

func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = prefix + strconv.Itoa(i)
	}
	return ids
}

// tally counts how often each event was handled.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
	more chan struct{}
}

func newTally() *tally { return &tally{seen: make(map[string]int), more: make(chan struct{}, 1)} }

func (c *tally) add(id string) {
	c.mu.Lock()
	c.seen[id]++
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// await waits until all ids were handled.
func (c *tally) await(t *testing.T, ids []string) {
	t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return c.seen[id] > 0 })
		c.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		select {
		case <-c.more:
		case <-late:
			t.Fatalf("%d of %d events did not come, such as %s", len(missing), len(ids), missing[0])
		}
	}
}

// atLeast waits until n events were handled.
func (c *tally) atLeast(t *testing.T, n int) {
	t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		have := len(c.seen)
		c.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-c.more:
		case <-late:
			t.Fatalf("%d events were handled, want %d", have, n)
		}
	}
}

// twice gives the events that were handled more than once.
func (c *tally) twice() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.seen)), func(id string) bool { return c.seen[id] < 2 })
}

// handle acknowledges events until ctx ends.
func handle(ctx context.Context, b delivery.Broker, c *tally) error {
	sub, err := b.Subscribe(ctx, "q")
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	for {
		ds, err := sub.Fetch(ctx, 16)
		if err != nil {
			return err
		}
		for _, d := range ds {
			if err := d.Ack(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			c.add(d.Event().ID())
		}
	}
}

func onServer(t *testing.T) component {
	t.Helper()
	url := natsServer(t, t.TempDir(), -1).ClientURL()
	return component{typ: "pubsub.jetstream", metadata: map[string]string{"natsURL": url}}
}

// TestEnginesShare: each event is handled by one of the engines.
func TestEnginesShare(t *testing.T) { enginesShare(t, onServer(t), "share") }

func enginesShare(t *testing.T, c component, meshName string) {
	one, two := start(t, t.TempDir(), meshName, c), start(t, t.TempDir(), meshName, c)
	ctx, cancel := context.WithCancel(t.Context())
	both, first, second := newTally(), newTally(), newTally()
	var handling sync.WaitGroup
	for b, own := range map[delivery.Broker]*tally{one: first, two: second} {
		sub, err := b.Subscribe(ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		handling.Go(func() {
			defer func() { _ = sub.Close() }()
			for {
				ds, err := sub.Fetch(ctx, 16)
				if err != nil {
					return
				}
				for _, d := range ds {
					if err := d.Ack(context.WithoutCancel(ctx)); err != nil {
						t.Error(err)
					}
					own.add(d.Event().ID())
					both.add(d.Event().ID())
				}
			}
		})
	}
	// Until both have had some: one may be there before the other.
	var all []string
	for round := 0; ; round++ {
		ids := numbered("r"+strconv.Itoa(round)+"-", 100)
		publish(t, one, ids)
		all = append(all, ids...)
		both.await(t, all)
		if len(first.seen) > 0 && len(second.seen) > 0 {
			break
		}
		if round == 100 {
			t.Fatalf("of %d events one engine had %d, the other %d", len(all), len(first.seen), len(second.seen))
		}
	}
	cancel()
	handling.Wait()
	if twice := both.twice(); len(twice) > 0 {
		t.Errorf("%q were handled by both", twice)
	}
}

// TestBusyEngine: an engine that handles nothing takes a little and leaves the
// rest to another.
func TestBusyEngine(t *testing.T) {
	c := onServer(t)
	busy, free := start(t, t.TempDir(), "busy", c), start(t, t.TempDir(), "busy", c)
	sub, err := busy.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	ids := numbered("e", 500)
	publish(t, busy, ids)
	for {
		s, err := busy.Stats(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		if s.Waiting >= 64 {
			break
		}
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := newTally()
	go func() { _ = handle(ctx, free, done) }()
	late := time.After(patience)
	for {
		done.mu.Lock()
		n := len(done.seen)
		done.mu.Unlock()
		s, err := busy.Stats(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		if s.Waiting > 64 {
			t.Fatalf("%d events wait in the engine that handles none", s.Waiting)
		}
		if n+s.Waiting == len(ids) {
			return
		}
		select {
		case <-done.more:
		case <-late:
			t.Fatalf("%d handled, %d wait in the busy engine, of %d", n, s.Waiting, len(ids))
		}
	}
}

// TestServerRestart: the component's server goes and comes back in the middle.
func TestServerRestart(t *testing.T) {
	dir := t.TempDir()
	srv := natsServer(t, dir, -1)
	port, err := strconv.Atoi(srv.ClientURL()[strings.LastIndex(srv.ClientURL(), ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	c := component{typ: "pubsub.jetstream", metadata: map[string]string{"natsURL": srv.ClientURL()}}
	serverRestart(t, c, "restart", func() {
		srv.Shutdown()
		srv.WaitForShutdown()
		srv = natsServer(t, dir, port)
	})
}

// serverRestart publishes and handles events all the while that restart takes,
// and some before and after.
func serverRestart(t *testing.T, c component, meshName string, restart func()) {
	one, two := start(t, t.TempDir(), meshName, c), start(t, t.TempDir(), meshName, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := newTally()
	var handling, publishing sync.WaitGroup
	// MQTT's servers give each engine its part, whether or not it is there.
	handling.Go(func() { _ = handle(ctx, one, done) })
	handling.Go(func() { _ = handle(ctx, two, done) })
	const rounds = 20
	begun := make(chan struct{})
	var all []string
	for g := range 4 {
		for r := range rounds {
			all = append(all, numbered(fmt.Sprintf("%c%d-", 'a'+g, r), 10)...)
		}
		publishing.Go(func() {
			for r := range rounds {
				publish(t, one, numbered(fmt.Sprintf("%c%d-", 'a'+g, r), 10))
				if g == 0 && r == rounds/4 {
					close(begun)
				}
			}
		})
	}
	<-begun
	restart()
	publishing.Wait()
	done.await(t, all)
	after := numbered("after-", 20)
	publish(t, one, after)
	done.await(t, after)
	cancel()
	handling.Wait()
}

// envTake makes the test binary an engine that takes events until it is killed:
// its directory.
const envTake = "WEFT_DAPRBROKER_TAKE"

func takeChild() {
	dir := os.Getenv(envTake)
	if dir == "" {
		return
	}
	c := component{typ: "pubsub.jetstream", metadata: map[string]string{"natsURL": os.Getenv(envNATS)}}
	ctx := context.Background()
	e, err := open(ctx, dir, "take", c, brokertest.Options{})
	if err == nil {
		err = e.Declare(ctx, "q")
	}
	var sub delivery.Subscription
	if err == nil {
		sub, err = e.Subscribe(ctx, "q")
	}
	for err == nil {
		var ds []delivery.Delivery
		if ds, err = sub.Fetch(ctx, 16); err != nil {
			break
		}
		for _, d := range ds {
			// Handled, and then acknowledged.
			fmt.Println(d.Event().ID())
			err = d.Ack(ctx)
		}
	}
	fmt.Fprintln(os.Stderr, "take:", err)
	os.Exit(1)
}

// TestKillTaking: an engine that takes events is killed again and again; each
// event is handled in the end.
func TestKillTaking(t *testing.T) {
	c := onServer(t)
	giver := start(t, t.TempDir(), "take", c)
	ids := numbered("e", 3000)
	var publishing sync.WaitGroup
	publishing.Go(func() { publish(t, giver, ids) })
	dir := t.TempDir()
	done := newTally()
	for range 2 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), envTake+"="+dir, envNATS+"="+c.metadata["natsURL"])
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			done.add(lines.Text())
			if n++; n == 300 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		if n < 300 {
			t.Fatalf("the engine ended by itself after %d events", n)
		}
	}
	publishing.Wait()
	last := start(t, dir, "take", c)
	go func() { _ = handle(t.Context(), last, done) }()
	done.await(t, ids)
	t.Logf("%d of %d events were handled more than once", len(done.twice()), len(ids))
}

// TestCloseLeavesNothing: no goroutine of a Broker outlives it.
func TestCloseLeavesNothing(t *testing.T) {
	for name, c := range map[string]component{"in-memory": {typ: "pubsub.in-memory"}, "jetstream": onServer(t)} {
		t.Run(name, func(t *testing.T) { closeLeavesNothing(t, c, "leaves") })
	}
}

func closeLeavesNothing(t *testing.T, c component, meshName string) {
	rounds := 0
	round := func() {
		rounds++
		e, err := open(t.Context(), t.TempDir(), meshName, c, brokertest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Declare(t.Context(), "q", "p"); err != nil {
			t.Fatal(err)
		}
		sub, err := e.Subscribe(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		publish(t, e, numbered(fmt.Sprintf("e%d-", rounds), 100)) // more than are taken ahead
		if _, err := sub.Fetch(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	round() // what is started once for all
	const slack = 3
	before := runtime.NumGoroutine()
	for range 3 {
		round()
	}
	late := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+slack {
		if time.Now().After(late) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}
