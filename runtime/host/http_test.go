package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// emitted lists events as "to id data".
func emitted(t *testing.T, h http.Header, body []byte) []string {
	t.Helper()
	events, _, err := wire.Read(h, body)
	if err != nil {
		t.Fatalf("the answer is no batch: %v", err)
	}
	var out []string
	for i := range events {
		out = append(out, line(&events[i]))
	}
	return out
}

func TestEmit(t *testing.T) {
	type emits = func(context.Context) error
	one := func(ctx context.Context) error { return fn.Emit(ctx, "next", map[string]int{"n": 1}) }
	many := func(ctx context.Context) error {
		return errors.Join(fn.Emit(ctx, "a", []byte(`{"raw":true}`)), fn.Emit(ctx, "b", "text"), fn.Emit(ctx, "a", nil))
	}
	typed := func(do emits, err error) host.Function {
		return adapt.Typed("f", func(ctx context.Context, _ any) (string, error) { return "answer", errors.Join(do(ctx), err) })
	}
	handler := func(do emits, status int) host.Function {
		return adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := do(r.Context()); err != nil {
				t.Errorf("Emit: %v", err)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "answer")
		}))
	}
	plain := func() *http.Request { return request("POST", "/", `{}`, "Weft-Event-Id", "key") }
	input := func() *http.Request { return delivery(`{}`) }
	cases := map[string]struct {
		reason   string
		function host.Function
		request  *http.Request
		sink     *fakeSink
		status   int
		answer   string   // body, if no batch
		batch    []string // answered
		posted   []string // to the sink
		header   string   // Weft-Emitted
	}{
		"delivery, typed":          {"emits replace the answer", typed(one, nil), input(), nil, 200, "", []string{`next in-1/0 {"n":1}`}, nil, ""},
		"delivery, HTTP":           {"emits replace the answer", handler(one, 201), input(), nil, 200, "", []string{`next in-1/0 {"n":1}`}, nil, ""},
		"delivery, many":           {"in order, each with an id of its own", typed(many, nil), input(), nil, 200, "", []string{`a in-1/0 {"raw":true}`, `b in-1/1 "text"`, `a in-1/2 null`}, nil, ""},
		"delivery, error":          {"a failure emits nothing", typed(one, fn.Permanent(errors.New("no"))), input(), nil, 422, `{"error":"no"}`, nil, nil, ""},
		"delivery, HTTP 409":       {"a failure emits nothing", handler(one, 409), input(), nil, 409, "answer", nil, nil, ""},
		"plain, typed":             {"emits are stored, then the answer given", typed(one, nil), plain(), &fakeSink{status: 202}, 200, `"answer"`, nil, []string{`next key/0 {"n":1}`}, "1"},
		"plain, HTTP":              {"emits are stored, then the answer given", handler(many, 201), plain(), &fakeSink{status: 202}, 201, "answer", nil, []string{`a key/0 {"raw":true}`, `b key/1 "text"`, `a key/2 null`}, "3"},
		"plain, HTTP 302":          {"a redirect is no failure", handler(one, 302), plain(), &fakeSink{status: 202}, 302, "answer", nil, []string{`next key/0 {"n":1}`}, "1"},
		"plain, HTTP 500":          {"a failure emits nothing", handler(one, 500), plain(), &fakeSink{status: 202}, 500, "answer", nil, nil, ""},
		"plain, error":             {"a failure emits nothing", typed(one, errors.New("no")), plain(), &fakeSink{status: 202}, 500, `{"error":"no"}`, nil, nil, ""},
		"plain, full":              {"a full queue is 503", typed(one, nil), plain(), &fakeSink{status: 503, header: http.Header{"Retry-After": {"7"}}, body: `{"error":"queue is full"}`}, 503, `{"error":"emit to next: the sink answered 503: queue is full"}`, nil, nil, ""},
		"plain, HTTP, full":        {"a full queue is 503", handler(one, 200), plain(), &fakeSink{status: 429, header: http.Header{"Retry-After": {"7"}}}, 503, `{"error":"emit to next: the sink answered 429: Too Many Requests"}`, nil, nil, ""},
		"plain, down":              {"a sink out of reach is 503, and the token stays secret", handler(one, 200), plain(), &fakeSink{err: errors.New("dial " + sinkURL + ": refused")}, 503, `{"error":"emit to next: the sink cannot be reached: dial http://127.0.0.1:9/sink/…: refused"}`, nil, nil, ""},
		"plain, unlinked":          {"a target that is not linked is 500", handler(one, 200), plain(), &fakeSink{status: 404, body: `{"error":"f is not linked to next","hint":"it is linked to last"}`}, 500, `{"error":"emit to next: the sink answered 404: f is not linked to next (it is linked to last)"}`, nil, nil, ""},
		"plain, by hand":           {"without a sink the error says what to do", handler(one, 200), plain(), nil, 500, "{\"error\":\"the function emitted to next, and there is no K_SINK to send it to: run it under `weft up`\"}", nil, nil, ""},
		"GET":                      {"a GET may emit too", handler(one, 200), request("GET", "/", "", "Weft-Event-Id", "key"), &fakeSink{status: 202}, 200, "answer", nil, []string{`next key/0 {"n":1}`}, "1"},
		"nothing":                  {"without emits the answer is the output", handler(func(context.Context) error { return nil }, 200), input(), nil, 200, "answer", nil, nil, ""},
		"structured, HTTP handler": {"an HTTP function gets any mode", handler(one, 200), request("POST", "/", `{"specversion":"1.0","id":"s1","source":"/s","type":"t"}`, "Content-Type", "application/cloudevents+json", "Weft-Token", "s3cret"), nil, 200, "", []string{`next s1/0 {"n":1}`}, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			opts := host.Options{Service: "m-f"}
			if tc.sink != nil {
				opts.Sink, opts.Transport = sinkURL, tc.sink
			} else if wire.IsEvent(tc.request.Header) {
				opts.Sink = sinkURL
			}
			h, log := newHost(t, opts, tc.function)
			w := do(h, tc.request)
			if w.Code != tc.status {
				t.Fatalf("%s: status %d, want %d: %s", tc.reason, w.Code, tc.status, w.Body)
			}
			if tc.batch != nil {
				if diff := cmp.Diff(tc.batch, emitted(t, w.Header(), w.Body.Bytes())); diff != "" {
					t.Errorf("%s: answer -want +got:\n%s", tc.reason, diff)
				}
			} else if got := w.Body.String(); got != tc.answer {
				t.Errorf("%s: answer %q, want %q", tc.reason, got, tc.answer)
			}
			var posted []string
			if tc.sink != nil && tc.sink.status == 202 {
				for i := range tc.sink.events {
					posted = append(posted, line(&tc.sink.events[i]))
				}
			}
			if diff := cmp.Diff(tc.posted, posted); diff != "" {
				t.Errorf("%s: posted -want +got:\n%s", tc.reason, diff)
			}
			if got := w.Header().Get("Weft-Emitted"); got != tc.header {
				t.Errorf("%s: Weft-Emitted %q, want %q", tc.reason, got, tc.header)
			}
			if tc.status == 503 && w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", tc.reason)
			}
			if strings.Contains(log.String()+w.Body.String(), "s3cret") {
				t.Errorf("%s: the token shows:\n%s", tc.reason, log)
			}
		})
	}
}

func TestEmitErrors(t *testing.T) {
	if err := fn.Emit(context.Background(), "next", 1); !errors.Is(err, fn.ErrNoCall) {
		t.Errorf("outside a call: %v", err)
	}
	var kept context.Context
	h, _ := newHost(t, host.Options{}, adapt.Typed("f", func(ctx context.Context, _ any) (any, error) {
		kept = ctx
		if err := fn.Emit(ctx, "", 1); err == nil {
			t.Error("a target without a name is accepted")
		}
		if err := fn.Emit(ctx, "next", make(chan int)); err == nil || !strings.Contains(err.Error(), "JSON") {
			t.Errorf("a channel: %v", err)
		}
		if err := fn.Emit(ctx, "next", make([]byte, call.MaxEmitBytes)); err == nil || !strings.Contains(err.Error(), "bytes") {
			t.Errorf("too many bytes: %v", err)
		}
		for i := range call.MaxEmits {
			if err := fn.Emit(ctx, "next", i); err != nil {
				t.Fatalf("emit %d: %v", i, err)
			}
		}
		if err := fn.Emit(ctx, "next", 1); err == nil || !strings.Contains(err.Error(), "at most 1000") {
			t.Errorf("too many: %v", err)
		}
		return nil, errors.New("enough")
	}))
	do(h, delivery(`1`))
	if err := fn.Emit(kept, "next", 1); !errors.Is(err, fn.ErrEnded) {
		t.Errorf("after the call: %v", err)
	}
}

func TestStreaming(t *testing.T) {
	big := strings.Repeat("x", 70<<10)
	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		request *http.Request
		sink    int
		status  int
		body    string
		posted  int
		flushed bool
	}{
		"held back": {"small answers wait for the handler", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "a")
			w.Header().Set("Late", "yes")
			must(t, fn.Emit(r.Context(), "next", 1))
		}, request("POST", "/", ""), 202, 200, "a", 1, false},
		"flushed": {"a flushed answer streams, and ends emitting", func(w http.ResponseWriter, r *http.Request) {
			must(t, fn.Emit(r.Context(), "next", 1))
			_, _ = io.WriteString(w, "a")
			must(t, http.NewResponseController(w).Flush())
			if err := fn.Emit(r.Context(), "next", 2); !errors.Is(err, fn.ErrStreaming) {
				t.Errorf("Emit while streaming: %v", err)
			}
			_, _ = io.WriteString(w, "b")
		}, request("POST", "/", ""), 202, 200, "ab", 1, true},
		"large": {"a large answer streams", func(w http.ResponseWriter, r *http.Request) {
			must(t, fn.Emit(r.Context(), "next", 1))
			_, _ = io.WriteString(w, "a")
			_, _ = io.WriteString(w, big)
			if err := fn.Emit(r.Context(), "next", 2); !errors.Is(err, fn.ErrStreaming) {
				t.Errorf("Emit while streaming: %v", err)
			}
		}, request("POST", "/", ""), 202, 200, "a" + big, 1, false},
		"flush fails": {"what cannot be stored stops the stream", func(w http.ResponseWriter, r *http.Request) {
			must(t, fn.Emit(r.Context(), "next", 1))
			_, _ = io.WriteString(w, "a")
			if err := http.NewResponseController(w).Flush(); err == nil {
				t.Error("Flush succeeded")
			}
			if _, err := io.WriteString(w, "b"); err == nil {
				t.Error("Write succeeded")
			}
		}, request("POST", "/", ""), 503, 503, `{"error":"emit to next: the sink answered 503: Service Unavailable"}`, 0, false},
		"delivery": {"the emits of a delivery replace what is flushed", func(w http.ResponseWriter, r *http.Request) {
			must(t, fn.Emit(r.Context(), "next", 1))
			_, _ = io.WriteString(w, big)
			must(t, http.NewResponseController(w).Flush())
			_, _ = io.WriteString(w, big)
		}, delivery(`1`), 202, 200, `[{"specversion":"1.0","id":"in-1/0","source":"/f","type":"f.output","datacontenttype":"application/json","traceparent":"TRACE","weftto":"next","data":1}]`, 0, false},
		"failed stream": {"a streamed failure emits nothing", func(w http.ResponseWriter, r *http.Request) {
			must(t, fn.Emit(r.Context(), "next", 1))
			w.WriteHeader(500)
			must(t, http.NewResponseController(w).Flush())
		}, request("POST", "/", ""), 202, 500, "", 0, true},
		"own header": {"Weft-Emitted is the host's", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Weft-Emitted", "5")
		}, request("POST", "/", ""), 202, 200, "", 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := &fakeSink{status: tc.sink}
			h, _ := newHost(t, host.Options{Sink: sinkURL, Transport: s}, adapt.HTTP("f", tc.handler))
			const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			tc.request.Header.Set("Traceparent", trace)
			w := do(h, tc.request)
			if w.Code != tc.status || w.Flushed != tc.flushed {
				t.Errorf("%s: status %d, flushed %v; want %d, %v", tc.reason, w.Code, w.Flushed, tc.status, tc.flushed)
			}
			if diff := cmp.Diff(strings.ReplaceAll(tc.body, "TRACE", trace), w.Body.String()); diff != "" {
				t.Errorf("%s: body -want +got:\n%s", tc.reason, diff)
			}
			if s.status == 202 && len(s.events) != tc.posted {
				t.Errorf("%s: %d events posted, want %d", tc.reason, len(s.events), tc.posted)
			}
			if got := w.Header().Get("Weft-Emitted"); got == "5" {
				t.Errorf("the handler's Weft-Emitted passes")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestHTTPAnswerUnchanged(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X", "y")
			_, _ = io.WriteString(w, "late")
		case "/trailer":
			w.Header().Set("Trailer", "Sum")
			_, _ = io.WriteString(w, "body")
			must(t, http.NewResponseController(w).Flush())
			w.Header().Set("Sum", "4")
			w.Header().Set(http.TrailerPrefix+"More", "5")
		case "/abort":
			_, _ = io.WriteString(w, "half")
			must(t, http.NewResponseController(w).Flush())
			panic("midway")
		case "/abort-handler":
			panic(http.ErrAbortHandler)
		case "/hijack":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("Hijack: %v", err)
				return
			}
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello\n")
			must(t, rw.Flush())
			must(t, conn.Close())
		case "/json":
			_, _ = io.WriteString(w, "\n[1]\n")
		case "/html":
			_, _ = io.WriteString(w, "<!DOCTYPE html>")
		case "/token":
			_, _ = fmt.Fprintf(w, "%d", len(r.Header["Weft-Token"]))
		default:
			http.ServeContent(w, r, "a.txt", zero, strings.NewReader("0123456789"))
		}
	})
	h, _ := newHost(t, host.Options{Sink: sinkURL}, adapt.HTTP("f", handler))
	server := httptest.NewServer(h)
	defer server.Close()
	get := func(path string, header ...string) (*http.Response, string, error) {
		t.Helper()
		req, err := http.NewRequest("GET", server.URL+path, nil)
		must(t, err)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			return nil, "", err
		}
		defer func() { must(t, resp.Body.Close()) }()
		if resp.StatusCode == http.StatusSwitchingProtocols {
			text, err := bufio.NewReader(resp.Body).ReadString('\n')
			return resp, text, err
		}
		body, err := io.ReadAll(resp.Body)
		return resp, string(body), err
	}
	if resp, body, err := get("/early"); err != nil || body != "late" || resp.Header.Get("X") != "y" || resp.Header.Get("Link") == "" {
		t.Errorf("early hints: %q %v %v", body, resp, err)
	}
	if resp, body, err := get("/trailer"); err != nil || body != "body" || resp.Trailer.Get("Sum") != "4" || resp.Trailer.Get("More") != "5" {
		t.Errorf("trailers: %q %v %v", body, resp, err)
	}
	if _, _, err := get("/abort"); err == nil {
		t.Error("a panic midway looks like a whole answer")
	}
	if _, _, err := get("/abort-handler"); err == nil {
		t.Error("http.ErrAbortHandler is answered")
	}
	if _, body, err := get("/hijack", "Connection", "Upgrade", "Upgrade", "echo"); err != nil || body != "hello\n" {
		t.Errorf("hijack: %q %v", body, err)
	}
	if _, body, _ := get("/token", "Weft-Token", "s3cret"); body != "0" {
		t.Errorf("the handler sees the token")
	}
	if resp, _, err := get("/json"); err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("JSON without a content type: %v %v", resp.Header, err)
	}
	if resp, _, err := get("/html"); err != nil || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HTML without a content type: %v %v", resp.Header, err)
	}
	if resp, body, err := get("/", "Range", "bytes=2-4"); err != nil || resp.StatusCode != 206 || body != "234" || resp.ContentLength != 3 {
		t.Errorf("range: %d %q %v", resp.StatusCode, body, err)
	}
}
