package subscriptions

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

const deadLettered = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec: {pubsubname: bus, topic: orders, routes: {default: /orders}, deadLetterTopic: dead}
scopes: [ship]
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: dead}
spec: {pubsubname: bus, topic: dead, routes: {default: /dead}}
scopes: [bury]
`

const bury = `    - {name: bury, source: ., triggers: [{type: http}]}
`

func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		reason string
		status int
		body   string
		err    error
		want   Counts
		dead   bool
	}{
		"empty": {
			reason: "2xx with nothing to say is done", status: 204,
			want: Counts{Delivered: 1},
		},
		"success": {
			reason: "SUCCESS is done", status: 200, body: `{"status":"SUCCESS"}`,
			want: Counts{Delivered: 1},
		},
		"no status": {
			reason: "an object without a status is done", status: 200, body: `{"answer":42}`,
			want: Counts{Delivered: 1},
		},
		"no JSON": {
			reason: "a body that is no JSON is as good as none", status: 201, body: `OK`,
			want: Counts{Delivered: 1},
		},
		"retry": {
			reason: "without a Resiliency policy a message has one try, then it is a dead letter", status: 200, body: `{"status":"RETRY"}`,
			want: Counts{DeadLettered: 1}, dead: true,
		},
		"drop": {
			reason: "what is dropped is a dead letter too, so that nothing is lost", status: 200, body: `{"status":"DROP"}`,
			want: Counts{Dropped: 1, DeadLettered: 1}, dead: true,
		},
		"unknown": {
			reason: "a status that Dapr does not know is an error", status: 200, body: `{"status":"confirmed"}`,
			want: Counts{DeadLettered: 1}, dead: true,
		},
		"404": {
			reason: "404 drops", status: 404, body: "no such path",
			want: Counts{Dropped: 1, DeadLettered: 1}, dead: true,
		},
		"400": {
			reason: "any other error is tried again, or a dead letter", status: 400,
			want: Counts{DeadLettered: 1}, dead: true,
		},
		"500": {
			reason: "any other error is tried again, or a dead letter", status: 500,
			want: Counts{DeadLettered: 1}, dead: true,
		},
		"broken": {
			reason: "no answer is an error", err: errors.New("connection reset"),
			want: Counts{DeadLettered: 1}, dead: true,
		},
		"unavailable": {
			reason: "a function that cannot start is not the message's fault: back to the component", err: &delivery.UnavailableError{Function: "ship", Reason: "does not build"},
			want: Counts{Retried: 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, ship+bury, bus, deadLettered)
			r.serve("ship", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodGet {
					http.NotFound(w, req)
					return
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			dead := newRecorder(nil)
			r.serve("bury", dead)
			m, _ := r.run(2)
			r.asked("ship")
			r.fail("ship", tc.err)
			r.publish("orders", "7", "x")
			var got Counts
			r.eventually("outcome", func() bool {
				got = m.Counts()[0].Counts
				return got != Counts{}
			})
			if tc.dead {
				dead.next(t)
				r.eventually("dead letter counted", func() bool {
					got = m.Counts()[0].Counts
					return got.DeadLettered > 0
				})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDropSaysWhy: what a handler of Weft's answers beside DROP is told.
func TestDropSaysWhy(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":"DROP","error":"no such customer"}`: "the message was dropped: the function answered DROP: no such customer",
		`{"status":"DROP","error":{"code":7}}`:         "the message was dropped: the function answered DROP",
	} {
		if err := (answer{status: 200, body: []byte(body)}).verdict(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add(200, []byte(`{"status":"SUCCESS"}`))
	f.Add(200, []byte(`{"status":5}`))
	f.Add(200, []byte(`{"status":"DROP"} trailing`))
	f.Add(404, []byte("\xff"))
	f.Add(200, []byte(`{"statuses":[{"entryId":"a","status":"RETRY"}]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := answer{status: status, body: body}
		err := a.verdict()
		switch {
		case status == 404 && !errors.Is(err, errDropped):
			t.Errorf("404 means %v", err)
		case (status < 200 || status > 299) && err == nil:
			t.Errorf("%d with %q is done", status, body)
		case len(body) == 0 && status == 200 && err != nil:
			t.Errorf("an empty answer means %v", err)
		}
		statuses, err := parseStatuses(body)
		if err != nil && statuses != nil {
			t.Errorf("statuses %v with error %v", statuses, err)
		}
	})
}
