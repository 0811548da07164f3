package daprapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// fuzzServer answers requests without a network, in the name of placeOrder.
func fuzzServer(f *testing.F) func(method, target, body, contentType string) *httptest.ResponseRecorder {
	h := start(f)
	srv := NewServer(func() (*API, func()) { return h.api, func() {} })
	handler := srv.Handler()
	return func(method, target, body, contentType string) *httptest.ResponseRecorder {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return nil
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}, Host: "localhost", RequestURI: target}
		r.Body = io.NopCloser(strings.NewReader(body))
		r.Header.Set(headerToken, tokenOf(orders))
		r.Header.Set(headerContentType, contentType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
}

// check holds an answer to what every answer keeps: no panic was behind it, and
// an error has a name.
func check(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w == nil || w.Code < 400 {
		return
	}
	if strings.Contains(w.Body.String(), "ERR_INTERNAL") {
		t.Fatalf("panicked: %s", w.Body)
	}
	var e struct{ ErrorCode string }
	if w.Header().Get(headerContentType) == typeJSON && (json.Unmarshal(w.Body.Bytes(), &e) != nil || e.ErrorCode == "" && !strings.Contains(w.Body.String(), "failedEntries")) {
		t.Fatalf("an error without a name: %d %s", w.Code, w.Body)
	}
}

func FuzzStateBody(f *testing.F) {
	send := fuzzServer(f)
	for _, seed := range []string{
		`[{"key":"k","value":1}]`, `[{"key":"k","value":{"a":[1,2]},"etag":"1","metadata":{"ttlInSeconds":"x"},"options":{"concurrency":"first-write"}}]`,
		`{"operations":[{"operation":"upsert","request":{"key":"k","value":1}},{"operation":"delete","request":{"key":"k"}}]}`,
		`{"keys":["k"],"parallelism":-1}`, `[null]`, `null`, `{"operations":[null]}`, `{"operations":[{"operation":"upsert","request":null}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/v1.0/state/store", "/v1.0/state/store/bulk", "/v1.0/state/store/transaction", "/v1.0-alpha1/state/plain/query", "/v1.0/bindings/mail"} {
			check(t, send("POST", path, body, typeJSON))
		}
	})
}

func FuzzPublishBody(f *testing.F) {
	send := fuzzServer(f)
	for _, seed := range []struct{ body, contentType, query string }{
		{`{"a":1}`, typeJSON, ""}, {"x", "text/plain", "metadata.ttlInSeconds=1"}, {`{"id":1,"specversion":2}`, "application/cloudevents+json", ""},
		{"null", "application/cloudevents+json", ""}, {`[{"entryId":"1","event":{},"contentType":"application/json"}]`, "", "metadata.rawPayload=true"},
		{"", "application/octet-stream", "metadata.cloudevent.id=&metadata.cloudevent.traceparent=x"}, {"[null]", "", "metadata.ttlInSeconds=-9223372036854775808"},
	} {
		f.Add(seed.body, seed.contentType, seed.query)
	}
	f.Fuzz(func(t *testing.T, body, contentType, query string) {
		for _, path := range []string{"/v1.0/publish/events/t", "/v1.0/publish/bulk/events/t"} {
			check(t, send("POST", path+"?"+query, body, contentType))
		}
	})
}

func FuzzPath(f *testing.F) {
	send := fuzzServer(f)
	for _, seed := range []string{
		"/v1.0/state/store/k?metadata.a=b&consistency=strong", "/v1.0/state/store/%zz", "/v1.0/state/store/%25zz", "//v1.0//invoke/pricing/method//../a",
		"/v1.0/invoke/%2570/method/", "/v1.0/secrets/vault/..%2f", "/v1.0/metadata/", "/v1.0/healthz?appid", "/v1.0", "/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			check(t, send(method, target, "", ""))
		}
	})
}

func FuzzTraceParent(f *testing.F) {
	f.Add(parent, "\x00\x00")
	f.Add("", "\x00\x00"+strings.Repeat("a", 16)+"\x01"+strings.Repeat("b", 8)+"\x02\x01")
	f.Fuzz(func(t *testing.T, header, binary string) {
		for _, p := range []string{header, traceFromBinary(binary)} {
			tr := newTrace(p, "")
			if !validTraceParent(tr.parent) || !validTraceParent(tr.child().parent) {
				t.Fatalf("of %q: %v", p, tr)
			}
		}
	})
}
