package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestRecent(t *testing.T) {
	const window = 10 * time.Second
	start := time.Unix(1_700_000_000, 0)
	k, other := eventKey("/a", "1"), eventKey("/a", "2")
	failed := errors.New("disk full")
	type want struct{ known, first bool }
	cases := map[string]struct {
		reason string
		before func(r *recent)
		after  time.Duration
		want   want
	}{
		"New":          {"what nobody sent is to be sent", func(*recent) {}, 0, want{first: true}},
		"UnderWay":     {"what is under way is waited for", func(r *recent) { r.enter(k, start) }, time.Second, want{}},
		"Lost":         {"an answer is not waited for for ever", func(r *recent) { r.enter(k, start) }, window, want{first: true}},
		"Stored":       {"what was stored is known", func(r *recent) { r.land(k, start, nil) }, 0, want{known: true}},
		"StoredFirst":  {"one id says nothing of another", func(r *recent) { r.land(other, start, nil) }, 0, want{first: true}},
		"Failed":       {"what was refused may be sent again", func(r *recent) { r.enter(k, start); r.land(k, start, failed) }, 0, want{first: true}},
		"Crashed":      {"so may what is not known to be stored", func(r *recent) { r.enter(k, start); r.crash(failed) }, 0, want{first: true}},
		"WindowBegins": {"an id stays for the window", func(r *recent) { r.land(k, start, nil) }, window - 1, want{known: true}},
		"WindowEnds":   {"also if it came at the end of a part", func(r *recent) { r.land(k, start.Add(window/spans-1), nil) }, window, want{known: true}},
		"Over":         {"after it, it goes", func(r *recent) { r.land(k, start, nil) }, window + window/spans, want{first: true}},
		"LongOver":     {"also if nothing came meanwhile", func(r *recent) { r.land(k, start, nil) }, 100 * window, want{first: true}},
		"Forgotten": {"the janitor lets go of it in time", func(r *recent) {
			r.land(k, start, nil)
			r.forget(start.Add(3 * window))
		}, 3 * window, want{first: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRecent(window, "", start)
			tc.before(r)
			f, first := r.enter(k, start.Add(tc.after))
			if got := (want{known: f == nil, first: first}); got != tc.want {
				t.Errorf("%s: got %+v, want %+v", tc.reason, got, tc.want)
			}
		})
	}
}

// TestPublishTogether: many publishes of one id at a time store it once, and
// all are told so.
func TestPublishTogether(t *testing.T) {
	b, _, err := startAt(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	const ids, each = 50, 8
	var wg sync.WaitGroup
	for i := range ids * each {
		wg.Go(func() {
			if err := b.Publish(t.Context(), "q", sized(strconv.Itoa(i%ids), 10)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := lastSequence(t, b); n != ids {
		t.Errorf("%d events are stored, want %d", n, ids)
	}
}

// TestPublishAbandoned: an event whose publisher did not wait for the answer is
// stored once all the same, however often it is sent.
func TestPublishAbandoned(t *testing.T) {
	b, _, err := startAt(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	const ids = 100
	for i := range ids {
		id := fmt.Sprint("abandoned", i)
		if err := b.Publish(gone, "q", sized(id, 10)); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := b.Publish(t.Context(), "q", sized(id, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if n := lastSequence(t, b); n != ids {
		t.Errorf("%d events are stored, want %d", n, ids)
	}
}

// TestReopenedWhilePublishing: publishes that meet the streams being opened
// anew end, and what is then sent again is stored once.
func TestReopenedWhilePublishing(t *testing.T) {
	b, _, err := startAt(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	const ids = 400
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			for b.Publish(t.Context(), "q", sized(strconv.Itoa(i), 10)) != nil {
				if t.Context().Err() != nil {
					return
				}
			}
		})
	}
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := lastSequence(t, b); n != ids {
		t.Errorf("%d events are stored, want %d", n, ids)
	}
}
