package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/meshtest"
)

type submitter struct {
	mu       sync.Mutex
	outcomes []delivery.Outcome
	err      error
}

func (s *submitter) Submit(_ context.Context, o delivery.Outcome) (delivery.Routed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes = append(s.outcomes, o)
	return delivery.Routed{Queued: 1}, s.err
}

func TestSink(t *testing.T) {
	plan := meshtest.Plan(t, `
metadata: {name: shop}
spec:
  functions: [{name: takeOrder}, {name: check}]
  connections: [{from: takeOrder, to: check}]
`)
	const event = `{"specversion":"1.0","id":"1","source":"x","type":"t","weftto":"check","wefthops":3,"traceparent":"00-a-b-01","data":{"n":1}}`
	binary := []string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "x", "Ce-Type", "t"}
	structured := []string{"Content-Type", "application/cloudevents+json"}
	batch := []string{"Content-Type", "application/cloudevents-batch+json"}
	cases := map[string]struct {
		reason       string
		method, path string
		header       []string
		body         string
		err          error
		status       int
		says         string
		want         []string // "to id hops data" of what is submitted
	}{
		"binary":     {"one event in headers and body", "POST", "/sink/tok", binary, `{"n":2}`, nil, 202, "", []string{` 1 0 {"n":2}`}},
		"structured": {"one event in the body", "POST", "/sink/tok", structured, event, nil, 202, "", []string{`check 1 3 {"n":1}`}},
		"batch": {"many at once", "POST", "/sink/tok", batch, "[" + event + "," + strings.Replace(event, `"1"`, `"2"`, 1) + "]", nil, 202, "",
			[]string{`check 1 3 {"n":1}`, `check 2 3 {"n":1}`}},
		"empty batch": {"none is no fault", "POST", "/sink/tok", batch, "[]", nil, 202, "", nil},
		"token":       {"only who knows a token may emit", "POST", "/sink/other", structured, event, nil, 401, "token", nil},
		"no token":    {"an empty one is none", "POST", "/sink/", structured, event, nil, 401, "token", nil},
		"path":        {"nothing else is here", "POST", "/", structured, event, nil, 404, "K_SINK", nil},
		"method":      {"only POST", "GET", "/sink/tok", nil, "", nil, 405, "POST", nil},
		"malformed":   {"what is no event is told", "POST", "/sink/tok", structured, `{"specversion":"1.0"}`, nil, 400, "id", nil},
		"plain":       {"a plain request has no event", "POST", "/sink/tok", nil, "{}", nil, 400, "no CloudEvent", nil},
		"format":      {"only JSON", "POST", "/sink/tok", []string{"Content-Type", "application/cloudevents+avro"}, "x", nil, 415, "avro", nil},
		"too long":    {"bodies are bounded", "POST", "/sink/tok", binary, strings.Repeat("x", 2000), nil, 413, "1000 bytes", nil},
		"no link": {"a target that is not linked is told, with those that are", "POST", "/sink/tok", structured,
			strings.Replace(event, `"check"`, `"chek"`, 1), nil, 404, "linked to check", nil},
		"full": {"a full queue is worth another try", "POST", "/sink/tok", structured, event,
			fmt.Errorf("queue: %w", delivery.ErrQueueFull), 503, "full", []string{`check 1 3 {"n":1}`}},
		"too large": {"what no queue will ever take is not", "POST", "/sink/tok", structured, event,
			fmt.Errorf("queue: %w", delivery.ErrTooLarge), 413, "too large", []string{`check 1 3 {"n":1}`}},
		"other": {"so is any other failure, without its text", "POST", "/sink/tok", structured, event, errors.New("disk /secret"), 503, "not accepted",
			[]string{`check 1 3 {"n":1}`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := &submitter{err: c.err}
			sink := NewSink(SinkConfig{
				Plan: plan, Dispatcher: s, Tokens: map[string]string{"takeOrder": "tok"}, MaxBody: 1000, Logger: slog.New(slog.DiscardHandler),
			})
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			w := httptest.NewRecorder()
			sink.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%s: got %d %s", c.reason, w.Code, w.Body)
			}
			if c.status == http.StatusServiceUnavailable && (w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "secret")) {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
			var got []string
			for _, o := range s.outcomes {
				got = append(got, fmt.Sprintf("%s %s %d %s", o.Outputs[0].To, o.InputID, o.Hops, o.Outputs[0].Event.Data()))
				if o.InputSource != plan.Function("takeOrder").Source || o.Function.Name != "takeOrder" {
					t.Errorf("identity: %+v", o)
				}
			}
			if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
}
