package delivery

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
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
)

// maxRetryAfter bounds how long a function can push an event back.
const maxRetryAfter = 5 * time.Minute

// answer is how a call ended.
type answer struct {
	status  int
	outputs []Output
	// err is why the call failed, nil on success.
	err error
	// final: trying again does not help.
	final bool
	// after is what Retry-After asked for; 0 if nothing.
	after time.Duration
	// broken: no proper answer came (refused, reset, closed early).
	broken bool
	// cut: the dispatcher ended the call, which counts as none.
	cut bool
	// uncalled: nobody got the call (*UnavailableError), which counts as none.
	uncalled bool
}

func failed(err error) answer                      { return answer{err: err} }
func finally(status int, err error) answer         { return answer{status: status, err: err, final: true} }
func finalf(status int, f string, a ...any) answer { return finally(status, fmt.Errorf(f, a...)) }

// caller makes single calls over HTTP.
type caller struct {
	transport http.RoundTripper
	maxAnswer int64
}

// newTransport returns a transport that keeps enough connections to local
// replicas for all calls in flight, and never asks for compression.
func newTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 512,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
		WriteBufferSize:     8 << 10,
		ReadBufferSize:      8 << 10,
	}
}

// post delivers e to a replica: POST / in binary mode, with the span's
// traceparent. It is over when the answer has been read, at the latest after
// timeout (0: none). The end of ctx cuts the call.
func (c *caller) post(ctx context.Context, ep Endpoint, f *mesh.Function, e *event.Event, s span, timeout time.Duration) answer {
	callCtx := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		callCtx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	req, err := request(callCtx, ep, e, s)
	if err != nil {
		return finalf(0, "event cannot be delivered: %w", err)
	}
	transport := ep.Transport
	if transport == nil {
		transport = c.transport
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return c.noAnswer(ctx, callCtx, err, timeout)
	}
	defer resp.Body.Close()
	body, err := readBody(resp, c.maxAnswer)
	if errors.Is(err, errTooLong) {
		return finalf(resp.StatusCode, "answered %d with more than %d bytes, the limit", resp.StatusCode, c.maxAnswer)
	}
	if err != nil {
		a := c.noAnswer(ctx, callCtx, err, timeout)
		a.status = resp.StatusCode
		return a
	}
	return classify(resp, body)
}

func (c *caller) noAnswer(ctx, callCtx context.Context, err error, timeout time.Duration) answer {
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return answer{err: unavailable, broken: true, uncalled: true}
	case ctx.Err() != nil:
		return answer{err: fmt.Errorf("call cut off: %w", context.Cause(ctx)), cut: true}
	case callCtx.Err() != nil:
		return failed(fmt.Errorf("no answer within the timeout of %v", timeout))
	default:
		return answer{err: fmt.Errorf("connection broke: %w", err), broken: true}
	}
}

func request(ctx context.Context, ep Endpoint, e *event.Event, s span) (*http.Request, error) {
	u, err := url.Parse(ep.URL)
	if err != nil {
		return nil, err
	}
	u.Path = "/"
	h := make(http.Header, 20)
	if err := wire.WriteBinary(h, e); err != nil {
		return nil, err
	}
	h[contract.HeaderTraceParent] = []string{s.String()}
	h[contract.HeaderTraceID] = []string{s.trace}
	if state := wire.Extension(e, contract.ExtTraceState); state != "" {
		h[contract.HeaderTraceState] = []string{state}
	}
	if ep.Token != "" {
		h[contract.HeaderToken] = []string{ep.Token}
	}
	h["User-Agent"] = []string{"weft"}
	data := e.DataEncoded
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(data)),
	}).WithContext(ctx)
	if len(data) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(data))
		// Lets the transport start over on a connection that the replica had
		// closed before a byte was written.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	return req, nil
}

var errTooLong = errors.New("answer is too long")

func readBody(resp *http.Response, limit int64) ([]byte, error) {
	switch n := resp.ContentLength; {
	case n == 0:
		return nil, nil
	case n > limit:
		return nil, errTooLong
	case n > 0:
		body := make([]byte, n)
		if _, err := io.ReadFull(resp.Body, body); err != nil {
			return nil, err
		}
		// Reading on to the end lets the connection be used again.
		var one [1]byte
		if _, err := resp.Body.Read(one[:]); err != nil && err != io.EOF {
			return nil, err
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, errTooLong
	}
	return body, nil
}

// classify sorts an answer as the contract says: 2xx is success; 404, 408,
// 409, 425, 429 and 5xx are tried again; anything else is final, redirects
// (which are not followed) and answers that cannot be read among them: the
// same call would bring the same answer.
func classify(resp *http.Response, body []byte) answer {
	code := resp.StatusCode
	switch {
	case code >= 200 && code <= 299:
		outputs, err := outputsOf(resp, body)
		if err != nil {
			return finalf(code, "answered %d with garbage: %w", code, err)
		}
		return answer{status: code, outputs: outputs}
	case code >= 300 && code <= 399:
		return finalf(code, "answered %d to %q: redirects are not followed", code, resp.Header.Get("Location"))
	}
	a := answer{status: code, err: errors.New(errorText(resp, body))}
	switch code {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		a.final = code < 500
	}
	if code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests {
		a.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return a
}

// outputsOf reads the outputs out of a 2xx answer: none for 202, 204 and an
// empty body; events in any CloudEvents mode, each to where contract.ExtTo
// says; anything else is one output, JSON or bytes.
func outputsOf(resp *http.Response, body []byte) ([]Output, error) {
	if resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if wire.IsEvent(resp.Header) {
		return EventOutputs(resp.Header, body)
	}
	if len(body) == 0 {
		return nil, nil
	}
	e, err := DataEvent(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	return []Output{{Event: e}}, nil
}

// EventOutputs reads the outputs out of an answer that carries CloudEvents in
// any mode.
func EventOutputs(h http.Header, body []byte) ([]Output, error) {
	events, _, err := wire.Read(h, body)
	if err != nil {
		return nil, err
	}
	outputs := make([]Output, len(events))
	for i := range events {
		outputs[i] = Output{To: wire.Extension(&events[i], contract.ExtTo), Event: events[i]}
	}
	return outputs, nil
}

// DataEvent makes an output event of a plain answer, without id, source and
// type, which the router sets. JSON that does not parse is an error; bytes of
// no stated type are JSON if they parse, else text if UTF-8.
func DataEvent(contentType string, body []byte) (event.Event, error) {
	valid := wire.IsJSON(contentType) && json.Valid(body)
	if contentType == "" {
		switch {
		case valid:
			contentType = contract.TypeJSON
		case utf8.Valid(body):
			contentType = "text/plain"
		default:
			contentType = "application/octet-stream"
		}
	} else if wire.IsJSON(contentType) && !valid {
		var v any
		err := json.Unmarshal(body, &v)
		return event.Event{}, fmt.Errorf("%s that does not parse: %w", contentType, err)
	} else if err := wire.CheckContentType(contentType); err != nil {
		return event.Event{}, err
	}
	return event.Event{
		Context:     &event.EventContextV1{DataContentType: &contentType},
		DataEncoded: body,
		DataBase64:  !wire.IsJSON(contentType) && !wire.IsText(contentType),
	}, nil
}

// errorText is the status and what the body says, cut to one short line. A
// JSON body's "error" is taken for the text.
func errorText(resp *http.Response, body []byte) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	text := ""
	if wire.IsJSON(resp.Header.Get("Content-Type")) {
		var v struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(body, &v) == nil {
			text = v.Error
		}
	}
	if text == "" && utf8.Valid(body) {
		text = string(body)
	}
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	if len(text) > 512 {
		text = strings.ToValidUTF8(text[:512], "") + "..."
	}
	if text == "" {
		return "answered " + status
	}
	return "answered " + status + ": " + text
}

// retryAfter reads a Retry-After header, seconds or an HTTP date (RFC 9110,
// 10.2.3); 0 if it says nothing sensible.
func retryAfter(s string, now time.Time) time.Duration {
	if s == "" {
		return 0
	}
	var d time.Duration
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
		d = time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	}
	return max(0, min(d, maxRetryAfter))
}
