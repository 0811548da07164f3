package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// sinkTimeout bounds one post to the sink. Its caller waits, and would rather
// try again than hang.
const sinkTimeout = 10 * time.Second

// sink posts events to K_SINK. Its URL holds the function's token, so errors
// never show it.
//
// It is on the way of every HTTP-triggered call that emits, so it speaks to the
// transport itself: redirects and cookies have no place here.
type sink struct {
	url       *url.URL
	token     string
	transport http.RoundTripper
}

// newSink returns nil for no URL. transport may be nil.
func newSink(raw, token string, transport http.RoundTripper) (*sink, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", contract.EnvSink)
	}
	if transport == nil {
		transport = &http.Transport{
			// One host, and as many calls at once as the function takes: each
			// finds its connection open.
			MaxIdleConns:        0,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		}
	}
	return &sink{url: u, token: token, transport: transport}, nil
}

// close drops idle connections.
func (s *sink) close() {
	if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// send makes what an HTTP-triggered call emitted durable. Where trying again
// may help the error is a 503, otherwise a 500.
func (h *Host) send(ctx context.Context, f *mounted, c *call.Call, emits []call.Emit) error {
	if h.sink == nil {
		return fmt.Errorf("the function emitted to %s, and there is no %s to send it to: run it under `weft up`", emits[0].To, contract.EnvSink)
	}
	body, err := wire.MarshalBatch(f.outgoing(c, emits))
	if err != nil {
		return fmt.Errorf("emit: %w", err)
	}
	// The handler has succeeded: what it emitted is sent though its client may
	// have gone meanwhile.
	if err := h.sink.post(context.WithoutCancel(ctx), c, body); err != nil {
		return fmt.Errorf("emit to %s: %w", targets(emits), err)
	}
	return nil
}

func (s *sink) post(ctx context.Context, c *call.Call, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	header := make(http.Header, 3)
	header["Content-Type"] = []string{contract.TypeEventBatch}
	// Nothing is sent for a header without values, but it tells the transport
	// that it may post again if an idle connection turns out to be closed: the
	// events carry ids.
	header[contract.HeaderIdempotencyKey] = nil
	if c.Span.IsValid() {
		header[contract.HeaderTraceParent] = []string{traceParent(c.Span)}
	}
	req := &http.Request{
		Method: http.MethodPost, URL: s.url, Host: s.url.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	resp, err := s.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return &call.Failure{Status: http.StatusServiceUnavailable, After: time.Second, Err: s.redact(fmt.Errorf("the sink cannot be reached: %w", err))}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // only for the error's text
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return s.refusal(resp, answer)
}

// refusal makes an error of the sink's answer.
func (s *sink) refusal(resp *http.Response, body []byte) error {
	var p struct{ Error, Hint string }
	text := http.StatusText(resp.StatusCode)
	if json.Unmarshal(body, &p) == nil && p.Error != "" {
		text = p.Error
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
	}
	err := s.redact(fmt.Errorf("the sink answered %d: %s", resp.StatusCode, text))
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		after := time.Second
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n >= 0 {
			after = time.Duration(n) * time.Second
		}
		return &call.Failure{Status: http.StatusServiceUnavailable, After: after, Err: err}
	default:
		return err
	}
}

// redact takes the token out of an error.
func (s *sink) redact(err error) error {
	if text := err.Error(); s.token != "" && strings.Contains(text, s.token) {
		return errors.New(strings.ReplaceAll(text, s.token, "…"))
	}
	return err
}

// targets names whom emits are for, each once.
func targets(emits []call.Emit) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, e := range emits {
		if seen[e.To] {
			continue
		}
		seen[e.To] = true
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.To)
	}
	return b.String()
}
