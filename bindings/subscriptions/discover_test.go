package subscriptions

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/source"
)

func TestParseSubscriptions(t *testing.T) {
	cases := map[string]struct {
		reason string
		body   string
		want   []asked
		fails  bool
	}{
		"empty":      {reason: "nothing is no subscription", body: ""},
		"empty list": {reason: "an empty list too", body: "[]", want: []asked{}},
		"null":       {reason: "and null", body: "null", want: []asked{}},
		"one route": {
			reason: "the older form has one route",
			body:   `[{"pubsubname":"bus","topic":"orders","route":"/o","unknown":1}]`,
			want:   []asked{{pubsub: "bus", topic: "orders", fallback: "/o"}},
		},
		"rules": {
			reason: "the newer form has rules, and its default wins over route",
			body: `[{"pubsubname":"bus","topic":"orders","route":"/old","deadLetterTopic":"dead","metadata":{"rawPayload":"true"},
				"routes":{"rules":[{"match":"event.type == \"x\"","path":"/x"}],"default":"/o"},
				"bulkSubscribe":{"enabled":true,"maxMessagesCount":10,"maxAwaitDurationMs":20}}]`,
			want: []asked{{
				pubsub: "bus", topic: "orders", deadLetter: "dead", metadata: map[string]string{"rawPayload": "true"},
				rules: []source.SubscriptionRule{{Match: `event.type == "x"`, Path: "/x"}}, fallback: "/o",
				bulk: &source.BulkSubscribe{MaxMessages: 10, MaxAwait: 20 * time.Millisecond},
			}},
		},
		"bulk off":      {reason: "bulk counts when enabled", body: `[{"bulkSubscribe":{"maxMessagesCount":10}}]`, want: []asked{{}}},
		"an object":     {reason: "an object is no list", body: `{"error":"no such path"}`, fails: true},
		"a page":        {reason: "a page is no list", body: `<html>`, fails: true},
		"list of words": {reason: "a list of something else is no list", body: `["a"]`, fails: true},
		"two lists":     {reason: "one list is asked for", body: `[] []`, fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseSubscriptions([]byte(tc.body))
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(asked{})); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWrongEntries(t *testing.T) {
	cases := map[string]struct{ reason, body, want string }{
		"field":    {"a field is named", `[{"pubsubname":"bus","topic":7,"route":"/o"}]`, "[0].topic is of type number, and a string is wanted"},
		"deep":     {"within others too", `[{"topic":"a"},{"routes":{"rules":[{"match":1}]}}]`, "[1].routes.rules.match is of type number, and a string is wanted"},
		"metadata": {"a truth value is not its word", `[{"metadata":{"rawPayload":true}}]`, "[0].metadata is of type bool, and a string is wanted"},
		"several":  {"all at once", `[{"routes":[]},"orders",{"bulkSubscribe":{"enabled":"yes"}}]`, "[0].routes is of type array, and an object is wanted; [1] is of type string, and an object is wanted; [2].bulkSubscribe.enabled is of type string, and true or false is wanted"},
		"number":   {"a fraction is no count", `[{"bulkSubscribe":{"maxMessagesCount":1.5}}]`, "[0].bulkSubscribe.maxMessagesCount is of type number 1.5, and a whole number is wanted"},
		"object":   {"no list", `{"topic":"orders"}`, "it is a JSON object"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parseSubscriptions([]byte(tc.body))
			if err == nil || err.Error() != tc.want {
				t.Errorf("%s: error %v, want %s", tc.reason, err, tc.want)
			}
		})
	}
}

func FuzzParseSubscriptions(f *testing.F) {
	f.Add([]byte(`[{"pubsubname":"bus","topic":"orders","routes":{"rules":[{"match":"event.type == \"x\"","path":"/x"}],"default":"/o"}}]`))
	f.Add([]byte(`[{"pubsubname":"bus","topic":"orders","route":"//%zz?a#b","metadata":{"rawPayload":"1"}}]`))
	f.Add([]byte(`[{"topic":"weft.x","pubsubname":"b","route":"../..","bulkSubscribe":{"enabled":true,"maxMessagesCount":-1}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parseSubscriptions(body)
		if err != nil {
			return
		}
		for _, a := range list {
			w, err := compile(a)
			if err != nil {
				continue
			}
			if w.PubSub == "" || w.Topic == "" || len(w.rules) == 0 || strings.HasPrefix(w.Topic, linkTopics) {
				t.Errorf("%+v passes as %+v", a, w)
			}
			for _, r := range w.rules {
				if !strings.HasPrefix(r.Path, "/") {
					t.Errorf("route %q", r.Path)
				}
				if _, err := http.NewRequest(http.MethodPost, "http://f"+r.Path, nil); err != nil {
					t.Errorf("route %q: %v", r.Path, err)
				}
			}
			if w.bulk != nil && (w.bulk.MaxMessages < 1 || w.bulk.MaxMessages > maxBulkMessages || w.bulk.MaxAwait <= 0) {
				t.Errorf("bulk %+v", w.bulk)
			}
		}
	})
}

// TestProgrammatic has a function change its mind from one code to the next.
func TestProgrammatic(t *testing.T) {
	r := newRig(t, ship, bus, orders)
	var answer atomic.Value
	answer.Store(`[{"pubsubname":"bus","topic":"orders","route":"/mine"},
		{"pubsubname":"bus","topic":"returns","routes":{"rules":[{"match":"event.type == 'x'","path":"/x"}]}},
		{"pubsubname":"bus","topic":"broken","routes":{"rules":[{"match":"event.","path":"/x"}]}},
		{"pubsubname":"nope","topic":"t","route":"/t"},
		{"pubsubname":"bus","topic":"nowhere"}]`)
	rec := newRecorder(func(w http.ResponseWriter, req *http.Request, _ string) {
		if req.Method == http.MethodGet {
			if req.URL.Path != "/dapr/subscribe" || req.Header.Get("Dapr-App-Id") != "shop-ship" {
				t.Errorf("asked %s with %v", req.URL.Path, req.Header)
			}
			_, _ = w.Write([]byte(answer.Load().(string)))
		}
	})
	r.serve("ship", rec)
	m, _ := r.run(2)
	r.eventually("its own route", func() bool { return m.Active()[0].Type == "PROGRAMMATIC" })
	r.publish("orders", "1", "x")
	if got := rec.next(t); got.Path != "/mine" {
		t.Errorf("for one topic the function has the last word: called %s", got.Path)
	}
	r.publish("returns", "1", "x")
	r.publish("returns", "2", "x", "type", "x")
	if got := rec.next(t); got.Path != "/x" || !strings.Contains(got.Body, `"id":"2"`) {
		t.Errorf("what no rule takes is dropped: called %s with %s", got.Path, got.Body)
	}
	if got := m.Counts()[1].Counts; got.Unmatched != 1 {
		t.Errorf("counts %+v", got)
	}
	for _, line := range []string{"does not compile", "sees no pub/sub component nope", "there is no route"} {
		if r.log.count(line) != 1 {
			t.Errorf("the log does not tell once: %s\n%s", line, r.log)
		}
	}

	f := r.b.Plan.Function("ship")
	for range 2 {
		answer.Store(`{"message":"no such page"}`)
		m.Discover(context.Background(), f)
	}
	active := r.active(m, 1)
	if active[0].Type != "DECLARATIVE" {
		t.Errorf("what is declared is in force again, not %+v", active[0])
	}
	if n := r.log.count("no list of subscriptions"); n != 1 {
		t.Errorf("the malformed answer is told %d times", n)
	}
	r.publish("orders", "3", map[string]int{"n": 1})
	if got := rec.next(t); got.Path != "/rest" {
		t.Errorf("called %s", got.Path)
	}

	// A function that cannot be asked keeps what it had.
	r.fail("ship", &delivery.UnavailableError{Function: "ship", Reason: "does not build"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.Discover(ctx, f)
	r.active(m, 1)
}

// TestAsking is about who is asked.
func TestAsking(t *testing.T) {
	r := newRig(t, ship+bury, `  components: [{name: bus, type: pubsub.in-memory, version: v1, scopes: [ship]}]
`, "")
	r.serve("ship", newRecorder(nil))
	r.serve("bury", newRecorder(nil))
	m, stop := r.run(0)
	r.asked("ship")
	m.Discover(context.Background(), r.b.Plan.Function("bury"))
	stop()
	m.Discover(context.Background(), r.b.Plan.Function("ship"))
	if ship, bury := r.called("ship"), r.called("bury"); ship != 1 || bury != 0 {
		t.Errorf("a function is asked once, one without a pub/sub component never: %d and %d times", ship, bury)
	}
}
