package brokertest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

// childEnv tells the test binary to be the process that is killed.
const childEnv = "WEFT_BROKERTEST_PLACE"

// Child turns the process into the one that Run kills, if Run started it for
// that; call it first in TestMain. It then does not return.
func Child(s Suite) {
	place := os.Getenv(childEnv)
	if place == "" {
		return
	}
	fmt.Fprintln(os.Stderr, "brokertest:", child(s, place))
	os.Exit(1)
}

// child publishes events until it is killed, and says each that is durable. It
// returns only if that goes wrong.
func child(s Suite, place string) error {
	ctx := context.Background()
	b, err := s.Open(ctx, place, Options{})
	if err != nil {
		return err
	}
	if err := b.Declare(ctx, "q"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		id := "e" + strconv.Itoa(i)
		if err := b.Publish(ctx, "q", newEvent(id)); err != nil {
			return err
		}
		if _, err := fmt.Println(id); err != nil {
			return err
		}
	}
}

// kill ends a publishing process with SIGKILL: what it called durable is there.
func kill(t *testing.T, s Suite) {
	place := s.Place(t)
	const enough = 300
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+place)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var durable []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		durable = append(durable, lines.Text())
		if len(durable) == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if len(durable) < enough {
		t.Fatalf("the process ended by itself after %d events; did TestMain call Child?", len(durable))
	}
	b := &bench{T: t, suite: s, place: place}
	b.reopen()
	defer func() { _ = b.Broker.Close() }()
	lost := make(map[string]bool)
	for _, id := range durable {
		lost[id] = true
	}
	// There may be more: what was stored when the process had no time to say so.
	for sub := b.subscribe(); len(lost) > 0; {
		ds, err := sub.Fetch(b.ctx(), len(durable))
		if err != nil {
			t.Fatalf("durable and lost: %q: %v", slices.Sorted(maps.Keys(lost)), err)
		}
		for _, d := range ds {
			delete(lost, d.Event().ID())
		}
		b.ack(ds...)
	}
}
