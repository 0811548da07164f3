package jetstream

import (
	"strconv"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// TestStranded: a mesh that is edited may leave events behind, which must not
// be forgotten in silence.
func TestStranded(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop"}
	b, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Declare(t.Context(), "kept", "removed", "empty"); err != nil {
		t.Fatal(err)
	}
	for i, queue := range []string{"kept", "removed", "removed"} {
		e := event.New()
		e.SetID(strconv.Itoa(i))
		e.SetSource("/a")
		e.SetType("t")
		if err := b.Publish(t.Context(), queue, &e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, err = Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	got, err := b.Stranded(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"removed": 2}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if events, _, err := b.Left(t.Context()); err != nil || events != 3 {
		t.Errorf("%d left, %v, want all three", events, err)
	}
}
