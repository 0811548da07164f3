package daprbroker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Mosquitto keeps a session over its restart, but not the shared subscription in
// it, and confirms what it is sent for no one.

// TestRealMQTTForgets: the server is restarted while an engine takes nothing from
// a queue, and what is published then comes when it does again.
func TestRealMQTTForgets(t *testing.T) {
	c := servers["mqtt"].component(need(t, "mqtt"))
	restart := control(t, "restart", "mqtt")
	e := start(t, t.TempDir(), meshOf(t.TempDir()), c)
	before, after := numbered("before-", 20), numbered("after-", 20)
	publish(t, e, before)
	restart()
	publish(t, e, after)
	done := newTally()
	ctx, cancel := context.WithCancel(t.Context())
	var handling sync.WaitGroup
	handling.Go(func() { _ = handle(ctx, e, done) })
	done.await(t, append(before, after...))
	cancel()
	handling.Wait()
}

// TestRealMQTTRestarts: the server is restarted again and again while events are
// published and handled, and none is lost.
func TestRealMQTTRestarts(t *testing.T) {
	c := servers["mqtt"].component(need(t, "mqtt"))
	restart := control(t, "restart", "mqtt")
	e := start(t, t.TempDir(), meshOf(t.TempDir()), c)
	ctx, cancel := context.WithCancel(t.Context())
	done := newTally()
	var handling, publishing sync.WaitGroup
	handling.Go(func() { _ = handle(ctx, e, done) })
	restarted := make(chan struct{})
	var (
		mu  sync.Mutex
		all []string
	)
	for g := range 8 {
		publishing.Go(func() {
			for r := 0; ; r++ {
				ids := numbered(fmt.Sprintf("%c%d-", 'a'+g, r), 5)
				publish(t, e, ids)
				mu.Lock()
				all = append(all, ids...)
				mu.Unlock()
				select {
				case <-restarted:
					return
				default:
				}
			}
		})
	}
	for range 6 {
		mu.Lock()
		n := len(all)
		mu.Unlock()
		done.atLeast(t, n+50)
		restart()
	}
	close(restarted)
	publishing.Wait()
	done.await(t, all)
	t.Logf("%d events, %d of them handled more than once", len(all), len(done.twice()))
	cancel()
	handling.Wait()
}

// TestRealMQTTSession: what waits for an engine waits for the next one in its
// place, also if that has nothing of what the first had.
func TestRealMQTTSession(t *testing.T) {
	c := servers["mqtt"].component(need(t, "mqtt"))
	dir, meshName := filepath.Join(t.TempDir(), ".weft"), meshOf(t.TempDir())
	ids := numbered("e", 20)
	one := start(t, dir, meshName, c)
	publish(t, one, ids)
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	two := start(t, dir, meshName, c)
	done := newTally()
	ctx, cancel := context.WithCancel(t.Context())
	var handling sync.WaitGroup
	handling.Go(func() { _ = handle(ctx, two, done) })
	done.await(t, ids)
	cancel()
	handling.Wait()
}
