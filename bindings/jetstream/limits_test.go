package jetstream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh/delivery"
)

// TestWhatIsTakenCanBeBuried walks over the bounds of the server: an event is
// refused for good, or it fits into a queue and, with the longest of errors,
// among the dead letters.
func TestWhatIsTakenCanBeBuried(t *testing.T) {
	cases := map[string]struct {
		reason string
		grow   func(e *event.Event, n int)
		most   int
	}{
		"Data":    {"the payload has a bound", func(e *event.Event, n int) { e.DataEncoded = make([]byte, n) }, 64<<10 + headerRoom},
		"Subject": {"so have headers", func(e *event.Event, n int) { e.SetSubject(strings.Repeat("é", n/6)) }, 64 << 10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := Start(t.Context(), Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop", MaxEvent: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			if err := b.Declare(t.Context(), "q"); err != nil {
				t.Fatal(err)
			}
			const step = 1 << 10
			taken, refused := 0, 0
			for n := tc.most - 32*step; n <= tc.most+4*step; n += step {
				e := event.New()
				e.SetID(eventKey("n", time.Duration(n).String()).String())
				e.SetSource("/a")
				e.SetType("t")
				e.SetDataContentType("application/octet-stream")
				tc.grow(&e, n)
				err := b.Publish(t.Context(), "q", &e)
				if errors.Is(err, delivery.ErrTooLarge) {
					refused++
					continue
				}
				if err != nil {
					t.Fatalf("%s: %d bytes: %v, want ErrTooLarge", tc.reason, n, err)
				}
				taken++
				err = b.DeadLetters().Add(t.Context(), delivery.DeadLetter{
					ID: e.ID(), Function: strings.Repeat("f", 63), Event: &e, Error: strings.Repeat("ü", 4000), Time: time.Now(),
				})
				if err != nil {
					t.Errorf("%s: with %d bytes it went into a queue, but not to the dead letters: %v", tc.reason, n, err)
				}
			}
			if taken == 0 || refused == 0 {
				t.Errorf("%d taken, %d refused: the test does not reach the bound", taken, refused)
			}
		})
	}
}
