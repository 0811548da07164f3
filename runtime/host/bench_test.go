package host_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkHost compares what the host adds to a call with a bare handler
// that does the same decoding and encoding.
func BenchmarkHost(b *testing.B) {
	const body = `{"id":"order-1","items":[{"sku":"a","count":2},{"sku":"b","count":1}]}`
	answer := func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var v box
		_ = json.Unmarshal(raw, &v)
		out, _ := json.Marshal(v)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	}
	serve := func(opts host.Options, f host.Function) http.Handler {
		opts.Logger = slog.New(slog.DiscardHandler)
		opts.Timeout = 30 * time.Second
		h, err := host.New(opts, f)
		if err != nil {
			b.Fatal(err)
		}
		return h
	}
	accept := roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 202, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	event := func() *http.Request {
		return delivery(body, "Traceparent", parent, "Ce-Weftfrom", "up", "Ce-Weftattempt", "1", "Ce-Wefthops", "1", "Ce-Traceparent", parent)
	}
	plain := func() *http.Request {
		return request("POST", "/orders", body, "Content-Type", "application/json", "Traceparent", parent, "Weft-Event-Id", "key-1")
	}
	cases := []struct {
		name    string
		handler http.Handler
		request func() *http.Request
	}{
		{"bare", http.HandlerFunc(answer), plain},
		{"typed/delivery", serve(host.Options{Sink: sinkURL}, adapt.Typed("f", func(_ context.Context, v box) (box, error) { return v, nil })), event},
		{"typed/plain", serve(host.Options{Sink: sinkURL}, adapt.Typed("f", func(_ context.Context, v box) (box, error) { return v, nil })), plain},
		{"typed/delivery/emit", serve(host.Options{Sink: sinkURL}, adapt.Typed("f", func(ctx context.Context, v box) (any, error) { return nil, fn.Emit(ctx, "next", v) })), event},
		{"http/plain", serve(host.Options{Sink: sinkURL}, adapt.HTTP("f", http.HandlerFunc(answer))), plain},
		{"http/plain/emit", serve(host.Options{Sink: sinkURL, Transport: accept}, adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			var v box
			_ = json.Unmarshal(raw, &v)
			_ = fn.Emit(r.Context(), "next", v)
			w.WriteHeader(202)
		}))), plain},
	}
	for _, bc := range cases {
		b.Run(bc.name, func(b *testing.B) {
			r := bc.request()
			header := r.Header.Clone()
			b.ReportAllocs()
			for b.Loop() {
				r.Header = header
				r.Body = io.NopCloser(strings.NewReader(body))
				bc.handler.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
