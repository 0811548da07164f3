package subscriptions

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/source"
)

const bulky = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec:
  pubsubname: bus
  topic: orders
  routes: {rules: [{match: 'event.type == "x"', path: /x}, {match: 'event.type != "none"', path: /orders}]}
  deadLetterTopic: dead
  bulkSubscribe: {enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 10}
scopes: [ship]
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: dead}
spec: {pubsubname: bus, topic: dead, routes: {default: /dead}}
scopes: [bury]
`

// envelope is a bulk as a function reads it.
type envelope struct {
	ID, Type, Topic, PubSubName string
	Metadata                    map[string]string
	Entries                     []struct {
		EntryID, ContentType string
		Event                json.RawMessage
		Metadata             map[string]string
	}
}

// statuses answers a bulk with a status for each event, by its CloudEvents id.
func statuses(t *testing.T, by map[string]string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		var e envelope
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("a bulk is %s: %v", body, err)
		}
		var out pubsub.AppBulkResponse
		for _, entry := range e.Entries {
			var event struct{ ID string }
			_ = json.Unmarshal(entry.Event, &event)
			if s, ok := by[event.ID]; ok {
				out.AppResponses = append(out.AppResponses, pubsub.AppBulkResponseEntry{EntryId: entry.EntryID, Status: pubsub.AppResponseStatus(s)})
			}
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

func TestBulk(t *testing.T) {
	r := newRig(t, ship+bury, bus, bulky)
	rec := newRecorder(statuses(t, map[string]string{"1": "SUCCESS", "2": "DROP", "3": "RETRY", "4": "", "5": "what"}))
	r.serve("ship", rec)
	dead := newRecorder(nil)
	r.serve("bury", dead)
	m, _ := r.run(2)

	r.publish("orders", "1", "a", "type", "x")
	got := rec.next(t)
	var e envelope
	if err := json.Unmarshal([]byte(got.Body), &e); err != nil {
		t.Fatal(err)
	}
	if got.Path != "/x" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Pubsubname") != "bus" {
		t.Errorf("called %s with %v", got.Path, got.Header)
	}
	if len(e.Entries) != 1 || e.ID == "" || e.Entries[0].EntryID == "" {
		t.Fatalf("the bulk is %s", got.Body)
	}
	if diff := cmp.Diff([]any{"com.dapr.event.sent.bulk", "orders", "bus", map[string]string{"pubsubName": "bus"}, "application/cloudevents+json"},
		[]any{e.Type, e.Topic, e.PubSubName, e.Metadata, e.Entries[0].ContentType}); diff != "" {
		t.Errorf("the envelope, -want +got:\n%s", diff)
	}

	// Dropped, to be tried again, without a status, with an unknown one, left
	// out, and not for anyone: all are dead letters.
	for _, id := range []string{"2", "3", "4", "5", "6"} {
		r.publish("orders", id, "a")
		rec.next(t)
		if got := dead.next(t); !json.Valid([]byte(got.Body)) {
			t.Errorf("the dead letter is %s", got.Body)
		}
	}
	r.publish("orders", "7", "a", "type", "none")
	dead.next(t)
	r.publishRaw("orders", []byte("no event"), nil)
	r.eventually("all counts", func() bool {
		return m.Counts()[0].Counts == Counts{Delivered: 1, Dropped: 1, Unmatched: 1, DeadLettered: 7}
	})
}

// TestBulkTake stages what one bulk brings back.
func TestBulkTake(t *testing.T) {
	entry := func(id, event string) pubsub.BulkMessageEntry {
		return pubsub.BulkMessageEntry{EntryId: id, Event: []byte(event)}
	}
	cases := map[string]struct {
		reason  string
		raw     bool
		answer  func(http.ResponseWriter, *http.Request, string)
		err     error
		entries []pubsub.BulkMessageEntry
		want    []bool // which come again
	}{
		"some": {
			reason: "only what failed comes again", answer: statuses(t, map[string]string{"1": "SUCCESS", "2": "RETRY"}),
			entries: []pubsub.BulkMessageEntry{entry("a", `{"id":"1"}`), entry("b", `{"id":"2"}`), entry("", `{"id":"1"}`), entry("d", `nonsense`)},
			want:    []bool{false, true, true, true},
		},
		"malformed": {
			reason: "without statuses all comes again", answer: func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = w.Write([]byte("OK")) },
			entries: []pubsub.BulkMessageEntry{entry("a", `{"id":"1"}`)}, want: []bool{true},
		},
		"500": {
			reason: "after an error all comes again", answer: func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(500) },
			entries: []pubsub.BulkMessageEntry{entry("a", `{"id":"1"}`), entry("b", `{"id":"2"}`)}, want: []bool{true, true},
		},
		"404": {
			reason: "404 drops all", answer: func(w http.ResponseWriter, r *http.Request, _ string) { http.NotFound(w, r) },
			entries: []pubsub.BulkMessageEntry{entry("a", `{"id":"1"}`)}, want: []bool{false},
		},
		"unavailable": {
			reason: "a function that cannot start has all come again", err: &delivery.UnavailableError{Function: "ship"},
			entries: []pubsub.BulkMessageEntry{entry("a", `{"id":"1"}`)}, want: []bool{true},
		},
		"raw": {
			reason: "raw messages travel as base64", raw: true, answer: func(w http.ResponseWriter, _ *http.Request, body string) {
				var e envelope
				if err := json.Unmarshal([]byte(body), &e); err != nil || string(e.Entries[0].Event) != `"aGVsbG8="` || e.Entries[0].ContentType != "application/octet-stream" {
					w.WriteHeader(500)
				}
				_, _ = w.Write([]byte(`{"statuses":[{"entryId":"a","status":"SUCCESS"},{"entryId":"unknown","status":"RETRY"}]}`))
			},
			entries: []pubsub.BulkMessageEntry{entry("a", "hello")}, want: []bool{false},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ship, bus, "")
			r.serve("ship", newRecorder(tc.answer))
			r.fail("ship", tc.err)
			m := r.manager(r.set)
			a := asked{pubsub: "bus", topic: "t", fallback: "/t", bulk: &source.BulkSubscribe{}}
			if tc.raw {
				a.metadata = map[string]string{"rawPayload": "true"}
			}
			l := m.newListener(m.members[0], mustCompile(t, a), nil)
			out, err := l.handleBulk(t.Context(), &pubsub.BulkMessage{Topic: "t", Entries: tc.entries})
			again := make([]bool, len(out))
			for i, e := range out {
				again[i] = e.Error != nil
				if e.EntryId != tc.entries[i].EntryId {
					t.Errorf("entry %d is %q", i, e.EntryId)
				}
			}
			if diff := cmp.Diff(tc.want, again); diff != "" {
				t.Errorf("%s: come again, -want +got:\n%s", tc.reason, diff)
			}
			for _, a := range again {
				if a && err == nil {
					t.Error("messages come again, and there is no error")
				}
			}
		})
	}
}

// TestBatcher has messages come side by side.
func TestBatcher(t *testing.T) {
	r := newRig(t, ship, bus, "")
	rec := newRecorder(statuses(t, map[string]string{"1": "SUCCESS"}))
	r.serve("ship", rec)
	m := r.manager(r.set)
	w := mustCompile(t, asked{pubsub: "bus", topic: "t", fallback: "/t", bulk: &source.BulkSubscribe{MaxMessages: 3, MaxAwait: time.Hour}})
	l := m.newListener(m.members[0], w, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b := newBatcher(ctx, l, w, false)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if err := b.add(t.Context(), &pubsub.NewMessage{Data: []byte(`{"id":"1"}`)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range 2 {
		var e envelope
		if err := json.Unmarshal([]byte(rec.next(t).Body), &e); err != nil || len(e.Entries) != 3 {
			t.Errorf("a full batch has %d messages, %v", len(e.Entries), err)
		}
	}
	// One that waits when the subscription ends goes back.
	late := make(chan error, 1)
	go func() { late <- b.add(t.Context(), &pubsub.NewMessage{Data: []byte(`{"id":"1"}`)}) }()
	idle := l.gate.shut()
	<-idle
	cancel()
	l.cancel()
	if err := <-late; !errors.Is(err, errStopping) {
		t.Errorf("a late message ends with %v", err)
	}
}
