package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// routeErrorTimeout bounds how long the outcome of a failed call may take to
// become durable; the client has its answer by then.
const routeErrorTimeout = 5 * time.Second

// routes says whether answers to a method are outputs.
func routes(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// answer hands the function's answer to the client, and first to the links if
// it is an output. It reports whether the replica broke off amid it.
func (c *call) answer(resp *http.Response) (broken bool) {
	defer func() { _ = resp.Body.Close() }()
	status := resp.StatusCode
	emitted := resp.Header.Get(contract.HeaderEmitted)
	if n, err := strconv.Atoi(emitted); err == nil {
		c.rec.Outputs = n
	}
	switch {
	case status >= http.StatusInternalServerError:
		broken = c.stream(resp, fmt.Errorf("answered %d %s", status, http.StatusText(status)))
		c.routeError()
		return broken
	case emitted == "" && c.e.linked && status/100 == 2 && routes(c.r.Method) && hasOutput(resp):
		return c.output(resp)
	default:
		return c.stream(resp, nil)
	}
}

// hasOutput says whether an answer to a method that routes is an output: JSON,
// or events in any mode.
func hasOutput(resp *http.Response) bool {
	if wire.IsEvent(resp.Header) {
		return true
	}
	ct := resp.Header.Get("Content-Type")
	return ct != "" && resp.ContentLength != 0 && wire.IsJSON(ct)
}

// outputsOf reads the outputs out of such an answer.
func outputsOf(resp *http.Response, body []byte) ([]delivery.Output, error) {
	if wire.IsEvent(resp.Header) {
		return delivery.EventOutputs(resp.Header, body)
	}
	if len(body) == 0 {
		return nil, nil
	}
	e, err := delivery.DataEvent(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	return []delivery.Output{{Event: e}}, nil
}

// output routes the answer, and then answers the client.
func (c *call) output(resp *http.Response) (broken bool) {
	f, limit := c.e.f, c.g.cfg.MaxAnswer
	body, err := readAll(resp, limit)
	if err != nil {
		if c.overdue() {
			return false
		}
		if c.ctx.Err() != nil {
			c.end(resp.StatusCode, errClientGone)
			c.abort = true
			return false
		}
		c.end(resp.StatusCode, fmt.Errorf("the answer broke off: %w", err))
		problem(c.w, http.StatusBadGateway, f.Name+" broke off amid its answer", "its log says why: weft logs --function "+f.Name)
		c.routeError()
		return true
	}
	if int64(len(body)) > limit {
		c.end(resp.StatusCode, fmt.Errorf("the answer is over %d bytes", limit))
		problem(c.w, http.StatusBadGateway, fmt.Sprintf("the answer of %s is over %d bytes, which is too long for a link", f.Name, limit),
			"emit what the links need, with fn.Emit, and answer freely")
		c.routeError()
		return false
	}
	outputs, err := outputsOf(resp, body)
	if err != nil {
		c.end(resp.StatusCode, fmt.Errorf("answered %d with garbage: %w", resp.StatusCode, err))
		problem(c.w, http.StatusBadGateway, "the answer of "+f.Name+" is not what its Content-Type says", "its log says more: weft logs "+f.Name)
		c.routeError()
		return false
	}
	if len(outputs) > 0 {
		routed, err := c.route(c.ctx, mesh.StatusSuccess, "", outputs)
		c.rec.Outputs = routed.Queued
		if err != nil {
			c.end(notRouted(c.w, f.Name, err), fmt.Errorf("routing the output: %w", err))
			return false
		}
	}
	c.end(resp.StatusCode, nil)
	h := c.w.Header()
	copyAnswer(h, resp.Header)
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.w.WriteHeader(resp.StatusCode)
	_, _ = c.w.Write(body)
	return false
}

// readAll reads an answer of at most limit bytes; a longer one comes back with
// a byte more than that.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n <= limit {
		body := make([]byte, n)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, limit+1))
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// stream hands the answer on as it comes. failure is what its status says.
func (c *call) stream(resp *http.Response, failure error) (broken bool) {
	h := c.w.Header()
	copyAnswer(h, resp.Header)
	for name := range resp.Trailer {
		h.Add("Trailer", name)
	}
	events := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	if events {
		c.endTimer() // the timeout is that of the answer's beginning
	}
	c.w.WriteHeader(resp.StatusCode)
	var flush func() error
	if events || resp.ContentLength < 0 {
		flush = http.NewResponseController(c.w).Flush
	}
	source, client := c.copy(resp.Body, flush)
	if failure == nil {
		if failure = source; client != nil {
			failure = errClientGone
		}
	}
	c.end(resp.StatusCode, failure)
	if source != nil || client != nil {
		c.abort = true // the client must see that the answer is not whole
		return source != nil && c.ctx.Err() == nil
	}
	for name, values := range resp.Trailer {
		h[http.TrailerPrefix+name] = values
	}
	return false
}

// copy passes the body on and reports which side failed, if one did.
func (c *call) copy(from io.Reader, flush func() error) (source, client error) {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			if _, err := c.w.Write(buf[:n]); err != nil {
				return nil, err
			}
			if flush != nil {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return fmt.Errorf("the answer broke off: %w", err), nil
		}
	}
}

// routeError offers a failed call to the links that take errors, with the
// request's body as data. The client has been told already, so a failure to
// queue it is only logged.
func (c *call) routeError() {
	if !c.e.takesErrors || c.rec.Err == nil {
		return
	}
	e := event.New()
	ct := c.r.Header.Get("Content-Type")
	if ct == "" {
		ct = contract.TypeJSON
	} else if wire.CheckContentType(ct) != nil {
		ct = "application/octet-stream"
	}
	e.SetDataContentType(ct)
	e.DataEncoded = c.input()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), routeErrorTimeout)
	defer cancel()
	_, err := c.route(ctx, mesh.StatusError, c.rec.Err.Error(), []delivery.Output{{Event: e}})
	if err != nil {
		c.g.cfg.Logger.Error("a failed call was not routed to the links that take errors",
			"function", c.e.f.Name, "event_id", c.id, "trace_id", c.trace.trace, "error", err)
	}
}
