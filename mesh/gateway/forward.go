package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// wholeBody is the longest request body, in bytes, that is read before a
	// replica is asked for: a slow sender then holds no replica, and a call
	// that found a dead one can be made again.
	wholeBody = 256 << 10
	// maxTries bounds the replicas tried for one request.
	maxTries = 3
)

var (
	errTimeout    = errors.New("timeout")
	errClientGone = errors.New("the client went away")
)

// call is one request on its way through the gateway.
type call struct {
	g     *Gateway
	e     *entry
	w     http.ResponseWriter
	r     *http.Request
	id    string
	trace traceContext
	// body is the request's, if whole; else it is streamed and, if the links
	// may take errors, kept on the way.
	body  []byte
	whole bool
	kept  *keeper
	// stop ends the call with a cause; timer does so when time is up.
	ctx   context.Context
	stop  context.CancelCauseFunc
	timer *time.Timer
	rec   delivery.CallRecord
	// abort says that the answer broke off after its beginning was sent.
	abort bool
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, e *entry) {
	// The function itself first: it is the one the client waits for.
	g.cfg.Endpoints.Prewarm(e.f)
	for _, f := range e.prewarm {
		g.cfg.Endpoints.Prewarm(f)
	}
	id := r.Header.Get(contract.HeaderIdempotencyKey)
	switch {
	case id == "":
		id = newID()
	case !usableID(id):
		problem(w, http.StatusBadRequest, "the Idempotency-Key is not usable", "send 1 to 255 visible ASCII characters")
		return
	}
	c := &call{
		g: g, e: e, w: w, r: r, id: id,
		trace: newTrace(r.Header.Get(contract.HeaderTraceParent), r.Header.Get(contract.HeaderTraceState)),
	}
	c.ctx, c.stop = context.WithCancelCause(r.Context())
	defer c.stop(nil)
	w.Header()[contract.HeaderTraceID] = []string{c.trace.trace}
	if isUpgrade(r.Header) {
		c.upgrade()
		return
	}
	if !c.readBody() {
		return
	}
	c.forward()
}

func usableID(id string) bool {
	if len(id) > 255 {
		return false
	}
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return false
		}
	}
	return true
}

// readBody takes in a short body and bounds a long one. It answers the client
// and returns false if there is something wrong with it.
func (c *call) readBody() bool {
	limit := c.g.cfg.MaxBody
	if c.e.takesErrors {
		limit = min(limit, c.g.cfg.MaxAnswer)
	}
	n := c.r.ContentLength
	switch {
	case n == 0:
		c.whole = true
		return true
	case n > limit:
		c.tooLarge(limit)
		return false
	case n > 0 && n <= wholeBody:
		body := make([]byte, n)
		conn := http.NewResponseController(c.w)
		// A body takes no longer than a call. Without an error here there is a
		// deadline, which must not outlast the body: it would end the call.
		limited := conn.SetReadDeadline(time.Now().Add(c.e.f.Timeout)) == nil
		_, err := io.ReadFull(c.r.Body, body)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.w.Header().Set("Connection", "close")
			problem(c.w, http.StatusRequestTimeout, fmt.Sprintf("the body did not come within %s", c.e.f.Timeout), "")
			return false
		}
		if limited {
			_ = conn.SetReadDeadline(time.Time{}) // it could be set
		}
		if err != nil {
			problem(c.w, http.StatusBadRequest, "the body ended before its Content-Length", "")
			return false
		}
		c.body, c.whole = body, true
		return true
	}
	// The function may answer while it still reads.
	_ = http.NewResponseController(c.w).EnableFullDuplex() // HTTP/2 always can
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, limit)
	if c.e.takesErrors {
		c.kept = &keeper{ReadCloser: c.r.Body}
		c.r.Body = c.kept
	}
	return true
}

func (c *call) tooLarge(limit int64) {
	problem(c.w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes", limit), "")
}

// forward calls the function, on another replica if the first turns out to be
// gone, and hands its answer on.
func (c *call) forward() {
	header := c.header()
	for try := 1; c.attempt(header, try < maxTries); try++ {
	}
	if c.abort {
		panic(http.ErrAbortHandler)
	}
}

// attempt makes one call. It reports whether another is to be made, which it
// decides only if there may be one; else the client has its answer.
func (c *call) attempt(header http.Header, more bool) (again bool) {
	f := c.e.f
	ep, ok := c.acquire()
	if !ok {
		return false
	}
	broken := false
	defer func() { ep.Release(broken) }()
	c.begin(ep)
	defer c.endTimer()
	if c.e.events && ep.Token != "" && wire.ModeOf(header) != wire.None {
		header[contract.HeaderToken] = []string{ep.Token} // or the host takes no event
	}
	resp, err := c.roundTrip(ep, header)
	if err == nil {
		broken = c.answer(resp)
		return false
	}
	if c.tooLong(err) || c.overdue() {
		return false
	}
	if c.ctx.Err() != nil {
		c.end(0, errClientGone)
		c.abort = true
		return false
	}
	broken = true
	c.end(0, err)
	if more && c.whole && (notSent(err) || c.repeatable()) {
		return true
	}
	problem(c.w, http.StatusBadGateway, f.Name+" broke off without an answer", "its log says why: weft logs --function "+f.Name)
	c.routeError()
	return false
}

// tooLong answers a request whose body turned out to be too long on the way.
func (c *call) tooLong(err error) bool {
	var tooLong *http.MaxBytesError
	if !errors.As(err, &tooLong) {
		return false
	}
	c.end(http.StatusRequestEntityTooLarge, nil)
	c.tooLarge(tooLong.Limit)
	return true
}

// overdue answers a request whose time is up.
func (c *call) overdue() bool {
	if !errors.Is(context.Cause(c.ctx), errTimeout) {
		return false
	}
	f := c.e.f
	c.end(0, fmt.Errorf("no answer within %s", f.Timeout))
	problem(c.w, http.StatusGatewayTimeout, fmt.Sprintf("%s did not answer within %s", f.Name, f.Timeout), "")
	c.routeError()
	return true
}

// acquire gets a place on a replica; else it answers the client.
func (c *call) acquire() (delivery.Endpoint, bool) {
	f := c.e.f
	ctx := c.ctx
	if !c.e.debugging {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.Timeout)
		defer cancel()
	}
	ep, err := c.g.cfg.Endpoints.Acquire(ctx, f)
	if err == nil {
		return ep, true
	}
	var unavailable *delivery.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		busy(c.w, unavailable.RetryAfter, unavailable.Error(), "")
	case c.r.Context().Err() != nil:
		c.abort = true
	default:
		busy(c.w, time.Second, fmt.Sprintf("%s had no replica free within %s", f.Name, f.Timeout), "try again in a moment")
	}
	return ep, false
}

func (c *call) begin(ep delivery.Endpoint) {
	f := c.e.f
	c.g.cfg.Observer.CallStarted(f, nil)
	c.rec = delivery.CallRecord{
		Function: f, Trigger: "http", EventID: c.id, Attempt: 1, Final: true,
		TraceID: c.trace.trace, SpanID: c.trace.span, ParentID: c.trace.up,
		Started: time.Now(), ColdStart: ep.ColdStart,
	}
	if !ep.NoTimeout {
		c.timer = time.AfterFunc(f.Timeout, func() { c.stop(errTimeout) })
	}
}

func (c *call) endTimer() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (c *call) end(status int, err error) {
	c.rec.Duration = time.Since(c.rec.Started)
	c.rec.StatusCode, c.rec.Err = status, err
	c.g.cfg.Observer.CallEnded(c.rec)
}

func (c *call) roundTrip(ep delivery.Endpoint, header http.Header) (*http.Response, error) {
	u := *c.r.URL
	u.Scheme, u.Host = "http", strings.TrimPrefix(ep.URL, "http://")
	if len(u.Host) == len(ep.URL) || strings.Contains(u.Host, "/") {
		base, err := url.Parse(ep.URL)
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", c.e.f.Name, err)
		}
		u.Scheme, u.Host = base.Scheme, base.Host
	}
	out := (&http.Request{
		Method: c.r.Method, URL: &u, Host: cmp.Or(ep.Host, c.r.Host), Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: c.r.ContentLength,
	}).WithContext(c.ctx)
	switch {
	case !c.whole:
		out.Body, out.Trailer = c.r.Body, c.r.Trailer
	case len(c.body) > 0:
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.body)), nil }
		out.Body, _ = out.GetBody()
	}
	transport := ep.Transport
	if transport == nil {
		transport = defaultTransport()
	}
	return transport.RoundTrip(out)
}

// repeatable says whether the call may be made again although the function may
// have seen it: its method says so (RFC 9110, 9.2.2), or the client's key.
func (c *call) repeatable() bool {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
		return true
	}
	return c.r.Header.Get(contract.HeaderIdempotencyKey) != ""
}

// notSent says that a call failed before anything of it was sent.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// keeper remembers what is read through it.
type keeper struct {
	io.ReadCloser
	mu  sync.Mutex
	buf []byte
}

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	k.mu.Lock()
	k.buf = append(k.buf, p[:n]...)
	k.mu.Unlock()
	return n, err
}

func (k *keeper) bytes() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.buf)
}

// input is the data that the function was called with, as far as it is known.
func (c *call) input() []byte {
	if c.kept != nil {
		return c.kept.bytes()
	}
	return c.body
}

var defaultTransport = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}
})

// route submits outputs of f.
func (c *call) route(ctx context.Context, status, text string, outputs []delivery.Output) (delivery.Routed, error) {
	f := c.e.f
	return c.g.cfg.Dispatcher.Submit(ctx, delivery.Outcome{
		Function: f, InputSource: inputSource(f, status), InputID: c.id,
		Status: status, Error: text, Outputs: outputs,
		TraceParent: c.trace.parent, TraceState: c.trace.state,
	})
}

// inputSource identifies, with the event's id, a request to f. It is not that of
// the events which f puts into its sink under ids of its own choice. And what
// failed is not what a repetition with the same key then succeeds in: a link
// that takes both would drop what the client was told is accepted.
func inputSource(f *mesh.Function, status string) string {
	if status == mesh.StatusError {
		return f.Source + "#http-error"
	}
	return f.Source + "#http"
}
