package delivery

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	cases := map[string]struct {
		reason  string
		code    int
		header  http.Header
		body    string
		outputs int
		err     string
		final   bool
		after   time.Duration
	}{
		"JSON":          {"a JSON body is one output", 200, http.Header{"Content-Type": {"application/json"}}, `{"a":1}`, 1, "", false, 0},
		"NoType":        {"so is one of no stated type", 200, nil, `{"a":1}`, 1, "", false, 0},
		"Text":          {"other content is an output of that type", 200, http.Header{"Content-Type": {"text/plain"}}, "hi", 1, "", false, 0},
		"Empty":         {"no body, no output", 200, http.Header{"Content-Type": {"application/json"}}, "", 0, "", false, 0},
		"Accepted":      {"202 has none even with a body", 202, http.Header{"Content-Type": {"application/json"}}, `{"a":1}`, 0, "", false, 0},
		"NoContent":     {"204 has none", 204, nil, "", 0, "", false, 0},
		"Binary":        {"an event in binary mode", 200, http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/a"}, "Ce-Type": {"t"}}, "1", 1, "", false, 0},
		"EmptyBinary":   {"an event needs no data", 200, http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/a"}, "Ce-Type": {"t"}}, "", 1, "", false, 0},
		"Batch":         {"a batch is many", 200, http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, `[{"specversion":"1.0","id":"1","source":"/a","type":"t"},{"specversion":"1.0","id":"2","source":"/a","type":"t"}]`, 2, "", false, 0},
		"BatchEmpty":    {"an empty batch is none", 200, http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, `[]`, 0, "", false, 0},
		"BadEvent":      {"a malformed event is final", 200, http.Header{"Content-Type": {"application/cloudevents+json"}}, `{"id":1`, 0, "answered 200 with garbage", true, 0},
		"BadJSON":       {"JSON that does not parse is final", 200, http.Header{"Content-Type": {"application/json"}}, `{`, 0, "answered 200 with garbage: application/json that does not parse", true, 0},
		"NotModified":   {"3xx is final", 304, nil, "", 0, "redirects are not followed", true, 0},
		"BadRequest":    {"4xx is final", 400, nil, "no", 0, "answered 400 Bad Request: no", true, 0},
		"Forbidden":     {"403 too", 403, nil, "", 0, "answered 403 Forbidden", true, 0},
		"Unprocessable": {"so is fn.Permanent's", 422, http.Header{"Content-Type": {"application/json"}}, `{"error":"no items"}`, 0, "answered 422 Unprocessable Entity: no items", true, 0},
		"NotFound":      {"404 is retried: a replica may be starting", 404, nil, "", 0, "answered 404", false, 0},
		"Timeout":       {"408 is retried", 408, nil, "", 0, "answered 408", false, 0},
		"Conflict":      {"409 is retried", 409, nil, "", 0, "answered 409", false, 0},
		"TooEarly":      {"425 is retried", 425, nil, "", 0, "answered 425", false, 0},
		"TooMany":       {"429 is retried when it says", 429, http.Header{"Retry-After": {"7"}}, "", 0, "answered 429", false, 7 * time.Second},
		"Unavailable":   {"503 is retried when it says", 503, http.Header{"Retry-After": {"2"}}, "", 0, "answered 503", false, 2 * time.Second},
		"Forever":       {"but not after more than five minutes", 503, http.Header{"Retry-After": {"99999999999"}}, "", 0, "answered 503", false, 5 * time.Minute},
		"ServerError":   {"5xx is retried, and its Retry-After means nothing", 500, http.Header{"Retry-After": {"7"}}, "", 0, "answered 500", false, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.header == nil {
				tc.header = http.Header{}
			}
			a := classify(&http.Response{StatusCode: tc.code, Header: tc.header}, []byte(tc.body))
			got := ""
			if a.err != nil {
				got = a.err.Error()
			}
			if len(a.outputs) != tc.outputs || a.final != tc.final || a.after != tc.after || (tc.err == "") != (got == "") || !strings.Contains(got, tc.err) {
				t.Errorf("%s: %d outputs, error %q, final %v, after %v; want %d, %q, %v, %v",
					tc.reason, len(a.outputs), got, a.final, a.after, tc.outputs, tc.err, tc.final, tc.after)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "-5": 0, "soon": 0, "1e3": 0,
		"Thu, 01 Jan 2026 00:00:30 GMT": 30 * time.Second,
		"Wed, 31 Dec 2025 00:00:30 GMT": 0,
		"Thu, 01 Jan 2027 00:00:30 GMT": maxRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("Retry-After %q = %v, want %v", text, got, want)
		}
	}
}

func FuzzTraceParent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-holds")
	f.Add("00-00000000000000000000000000000000-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, parent string) {
		s := newSpan(parent)
		trace, id, _, ok := splitTraceParent(s.String())
		if !ok || trace != s.trace || id != s.id {
			t.Errorf("the span under %q is %q, no traceparent", parent, s)
		}
		if p, _, _, ok := splitTraceParent(parent); ok && p != s.trace {
			t.Errorf("the trace of %q is lost", parent)
		}
	})
}
