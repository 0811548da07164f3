package jetstream

import (
	"fmt"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

// TestSync: whichever way files are synced, what was published and what was
// settled is known to the next run.
func TestSync(t *testing.T) {
	for _, sync := range []string{SyncAlways, SyncSecond, "10ms"} {
		t.Run(sync, func(t *testing.T) {
			opts := Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop", Sync: sync}
			open := func() *Server {
				b, err := Start(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Declare(t.Context(), "q"); err != nil {
					t.Fatal(err)
				}
				return b
			}
			publish := func(b *Server) {
				for i := range 3 {
					e := event.New()
					e.SetID(fmt.Sprint(i))
					e.SetSource("/a")
					e.SetType("t")
					if err := b.Publish(t.Context(), "q", &e); err != nil {
						t.Fatal(err)
					}
				}
			}
			take := func(b *Server, n int) (ids string) {
				sub, err := b.Subscribe(t.Context(), "q")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = sub.Close() }()
				for len(ids) < n {
					ds, err := sub.Fetch(t.Context(), 1)
					if err != nil {
						t.Fatal(err)
					}
					for _, d := range ds {
						ids += d.Event().ID()
						if err := d.Ack(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				return ids
			}
			b := open()
			publish(b)
			if got := take(b, 1); got != "0" {
				t.Errorf("took %s first", got)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = open()
			t.Cleanup(func() { _ = b.Close() })
			publish(b) // all known
			if got := take(b, 2); got != "12" {
				t.Errorf("took %s after the restart, want what was left", got)
			}
			if s, err := b.Stats(t.Context(), "q"); err != nil || s.Waiting != 0 {
				t.Errorf("%+v %v, want nothing waiting", s, err)
			}
		})
	}
	for _, sync := range []string{"never", "0s", "-1s", "1"} {
		if b, err := Start(t.Context(), Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop", Sync: sync}); err == nil {
			_ = b.Close()
			t.Errorf("sync %q was taken", sync)
		}
	}
}
