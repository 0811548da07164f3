package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// holdBack is how much of an answer is held back before it streams, in bytes.
const holdBack = 64 << 10

// serverBuffer is the size of the buffer that net/http has for an answer, in
// bytes: what is smaller gets its Content-Length there.
const serverBuffer = 2 << 10

// buffers are kept for small answers.
var buffers pool

// pool of buffers for what is written; the zero value is ready.
type pool struct{ sync.Pool }

const smallAnswer = 4 << 10

func (p *pool) get() []byte {
	if b, ok := p.Pool.Get().(*[smallAnswer]byte); ok {
		return b[:0]
	}
	return new([smallAnswer]byte)[:0]
}

// put takes back what get returned, unless it has grown.
func (p *pool) put(b []byte) {
	if cap(b) == smallAnswer {
		p.Pool.Put((*[smallAnswer]byte)(b[:smallAnswer]))
	}
}

// response is the ResponseWriter of an HTTP function. It holds a small answer
// back. Large and flushed answers stream; http.ResponseController works.
type response struct {
	host   *Host
	f      *mounted
	call   *call.Call
	ctx    context.Context
	w      http.ResponseWriter
	header http.Header
	method string
	// routed says that whoever calls routes what is answered: an engine with an
	// event.
	routed bool

	// mu keeps the handler and the call's deadline apart.
	mu     sync.Mutex
	phase  phase
	status int
	buf    []byte
	err    error // why nothing can be written any more, in phase closed
}

// phase of a response.
type phase int

const (
	holding   phase = iota // held back
	streaming              // leaving as it is written
	swallowed              // to be replaced by emits when the handler returns
	hijacked               // the handler has the connection
	closed                 // answered by someone else
)

var errClosed = errors.New("the call has been answered")

// Header returns the headers of the answer, for the handler to set.
func (r *response) Header() http.Header { return r.header }

// Unwrap lets http.ResponseController reach what response does not do.
func (r *response) Unwrap() http.ResponseWriter { return r.w }

// WriteHeader sets the status. Informational ones leave at once.
func (r *response) WriteHeader(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase != holding || r.status != 0 {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		maps.Copy(r.w.Header(), r.header)
		r.w.WriteHeader(status)
		clear(r.w.Header())
		return
	}
	r.status = status
}

// Write adds to the answer.
func (r *response) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.phase == holding {
		if len(r.buf)+len(p) <= holdBack {
			if r.buf == nil {
				r.buf = buffers.get()
			}
			r.buf = append(r.buf, p...)
			return len(p), nil
		}
		r.stream()
	}
	switch r.phase {
	case streaming:
		return r.w.Write(p)
	case swallowed:
		return len(p), nil
	case hijacked:
		return 0, http.ErrHijacked
	default:
		return 0, r.err
	}
}

// FlushError sends what is held back, and makes what follows stream.
func (r *response) FlushError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == holding {
		if r.status == 0 {
			r.status = http.StatusOK
		}
		r.stream()
	}
	switch r.phase {
	case streaming:
		return http.NewResponseController(r.w).Flush()
	case swallowed:
		return nil
	case hijacked:
		return http.ErrHijacked
	default:
		return r.err
	}
}

// Flush is FlushError for handlers that use http.Flusher.
func (r *response) Flush() { _ = r.FlushError() }

// Hijack gives the connection to the handler, once what it emitted is durable.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase != holding {
		return nil, nil, errors.New("the answer has begun: hijack the connection before")
	}
	if emits := r.call.Stream(); len(emits) > 0 {
		if err := r.host.send(r.ctx, r.f, r.call, emits); err != nil {
			r.close(err)
			return nil, nil, err
		}
	}
	conn, rw, err := http.NewResponseController(r.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	r.phase = hijacked
	r.host.hijacked.Add(1)
	return conn, rw, nil
}

// stream begins to send. What was emitted so far is made durable first: a
// handler that sends the beginning of its answer has succeeded.
func (r *response) stream() {
	emits := r.call.Stream()
	if r.status >= 400 {
		emits = nil
	}
	if len(emits) > 0 {
		if r.routed {
			r.phase = swallowed
			return
		}
		if err := r.host.send(r.ctx, r.f, r.call, emits); err != nil {
			r.close(err)
			return
		}
	}
	r.phase = streaming
	r.copyHeader(len(emits))
	r.w.WriteHeader(r.status)
	if len(r.buf) > 0 {
		_, _ = r.w.Write(r.buf) // the client may have gone; the next write says so
		r.drop()
	}
}

// drop lets go of what was held back.
func (r *response) drop() {
	buffers.put(r.buf)
	r.buf = nil
}

// close answers an error in the handler's stead.
func (r *response) close(err error) {
	r.phase = closed
	r.err = err
	r.host.fail(r.ctx, r.w, r.call, err)
}

// overrun is the deadline's chance to answer.
func (r *response) overrun(write func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == holding {
		r.phase = closed
		r.err = http.ErrHandlerTimeout
		write(r.w)
	}
}

// finish answers when the handler has returned; failure is its panic.
func (r *response) finish(failure error) {
	emits := r.call.End()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.phase {
	case streaming:
		if failure != nil {
			panic(http.ErrAbortHandler) // the client must not take it for whole
		}
		r.trailers()
	case swallowed, holding:
		r.phase, r.err = closed, errClosed
		if err := r.conclude(emits, failure); err != nil {
			r.host.fail(r.ctx, r.w, r.call, err)
		}
	}
}

// release lets go of the ResponseWriter, which must not be used once the
// handler has returned or aborted.
func (r *response) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == hijacked {
		r.host.hijacked.Done()
	}
	r.phase, r.err = closed, errClosed
	r.drop()
}

// conclude writes an answer that was held back whole.
func (r *response) conclude(emits []call.Emit, failure error) error {
	if failure != nil {
		return failure
	}
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.status >= 400 {
		emits = nil // only success emits
	}
	if len(emits) > 0 {
		if r.routed {
			return writeEvents(r.w, r.f.outgoing(r.call, emits))
		}
		if err := r.host.send(r.ctx, r.f, r.call, emits); err != nil {
			return err
		}
	}
	r.copyHeader(len(emits))
	h := r.w.Header()
	if _, ok := h["Content-Type"]; !ok && isObject(r.buf) {
		h["Content-Type"] = []string{contract.TypeJSON}
	}
	if len(r.buf) >= serverBuffer && h["Content-Length"] == nil && h["Transfer-Encoding"] == nil && h["Trailer"] == nil {
		h["Content-Length"] = []string{strconv.Itoa(len(r.buf))}
	}
	r.w.WriteHeader(r.status)
	if len(r.buf) > 0 {
		_, _ = r.w.Write(r.buf) // the client may have gone
	}
	r.trailers()
	return nil
}

// isObject says whether an answer without a content type is a JSON object or
// array. net/http would call it text/plain, and links would see a string.
func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b)
}

// copyHeader gives the answer the handler's headers. Weft-Emitted is the
// host's to set.
func (r *response) copyHeader(emitted int) {
	h := r.w.Header()
	maps.Copy(h, r.header)
	delete(h, contract.HeaderEmitted)
	if emitted > 0 {
		h[contract.HeaderEmitted] = []string{strconv.Itoa(emitted)}
	}
}

// trailers gives net/http the trailers that the handler set after its body.
func (r *response) trailers() {
	h := r.w.Header()
	declared := h["Trailer"]
	for key, values := range r.header {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			h[key] = values
		}
	}
	for _, list := range declared {
		for name := range strings.SplitSeq(list, ",") {
			key := http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := r.header[key]; ok {
				h[key] = values
			}
		}
	}
}
