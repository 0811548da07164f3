package unary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	// connWindow is what a server may send before it hears that some was read.
	// A stream's window takes any answer: what bounds it is its own length.
	connWindow = 1 << 30
	// writeTime bounds how long a write may stand still before the connection
	// counts as broken.
	writeTime = 20 * time.Second
	// readTime bounds how long is read from one that cannot be written to.
	readTime = time.Second
	// keptBuffer bounds the memory that is kept for what is to be written.
	keptBuffer = 64 << 10
	// prefixSize is that of a message's prefix: a flag for compression, and the
	// length in 4 bytes.
	prefixSize = 5
	maxHeader  = 1 << 20
)

// conn is a connection with its calls. What a call has to say is put together
// in out; whoever finds nobody writing writes all that is there, so that calls
// that come together leave together.
type conn struct {
	nc     net.Conn
	client *Client

	mu       sync.Mutex
	out      []byte
	spare    []byte
	writing  bool
	deadline time.Time // of writes
	encoder  *hpack.Encoder
	encoded  bytes.Buffer
	streams  map[uint32]*stream
	next     uint32
	// What the server allows.
	window     int64
	initial    int64
	maxFrame   int
	maxStreams int
	// changed is closed when the server allows more; nil if nobody waits.
	changed chan struct{}
	// heard says that the server has said something, which it does before it
	// looks at a call; draining that it takes no more calls, deaf that it
	// does not listen, and err that the connection is broken.
	heard, draining, deaf bool
	err                   error
}

// stream is one call.
type stream struct {
	id     uint32
	window int64 // guarded by conn.mu
	done   chan struct{}
	// What follows is the reader's until done is closed.
	head   head
	data   []byte
	status *Status
}

func newConn(nc net.Conn, client *Client) *conn {
	c := &conn{
		nc: nc, client: client, streams: make(map[uint32]*stream), next: 1,
		window: defaultWindow, initial: defaultWindow, maxFrame: defaultMaxFrame, maxStreams: 1 << 30,
	}
	c.encoder = hpack.NewEncoder(&c.encoded)
	// It leaves with the first call: a server need not have spoken before.
	c.out = append(c.out, preface...)
	c.out = appendFrame(c.out, frame{length: 18, kind: frameSettings})
	c.out = appendSetting(c.out, settingPush, 0)
	c.out = appendSetting(c.out, settingWindow, uint32(client.MaxAnswer+defaultWindow))
	c.out = appendSetting(c.out, settingMaxHeaderList, maxHeader)
	c.out = appendWindowUpdate(c.out, 0, connWindow-defaultWindow)
	go c.read()
	return c
}

// usable says whether the connection takes calls.
func (c *conn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.draining
}

// call makes one call and waits for its end.
func (c *conn) call(ctx context.Context, method string, header []Header, message []byte) ([]byte, *Status) {
	s, status := c.send(ctx, method, header, message)
	if status != nil {
		return nil, status
	}
	select {
	case <-s.done:
		return s.message()
	case <-ctx.Done():
		c.cancel(s)
		return nil, fromContext(ctx.Err())
	}
}

// message is the answer without its prefix.
func (s *stream) message() ([]byte, *Status) {
	switch {
	case s.status != nil:
		return nil, s.status
	case len(s.data) < prefixSize || int(binary.BigEndian.Uint32(s.data[1:])) != len(s.data)-prefixSize:
		return nil, &Status{Code: Internal, Message: "the answer is not one message"}
	}
	return s.data[prefixSize:], nil
}

// send sends a call. When it returns a stream, all is said, or the server has
// heard enough.
func (c *conn) send(ctx context.Context, method string, header []Header, message []byte) (*stream, *Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.streams) >= c.maxStreams && c.err == nil && !c.draining {
		if err := c.wait(ctx, c.change(), nil); err != nil {
			return nil, fromContext(err)
		}
	}
	if c.err != nil || c.draining || c.next > maxStreamID {
		c.draining = true
		return nil, &Status{Code: Unavailable, Message: "the connection has ended", untouched: true}
	}
	s := &stream{id: c.next, window: c.initial, done: make(chan struct{})}
	c.next += 2
	c.streams[s.id] = s
	c.header(ctx, s.id, method, header)
	var prefix [prefixSize]byte
	binary.BigEndian.PutUint32(prefix[1:], uint32(len(message)))
	parts := [2][]byte{prefix[:], message}
	for len(parts[0])+len(parts[1]) > 0 {
		n := min(int64(len(parts[0])+len(parts[1])), int64(c.maxFrame), c.window, s.window)
		if n > 0 {
			c.data(s, &parts, int(n))
			continue
		}
		// While it writes, the server may allow more already.
		change := c.change()
		c.flush()
		if err := c.wait(ctx, change, s.done); err != nil {
			c.forget(s, errCancel)
			return nil, fromContext(err)
		}
		if c.streams[s.id] != s {
			// Answered before it had heard all, or broken: it hears no more.
			c.out = appendReset(c.out, s.id, errCancel)
			break
		}
	}
	c.flush()
	return s, nil
}

// header puts the headers of a call on the way.
func (c *conn) header(ctx context.Context, id uint32, method string, header []Header) {
	c.encoded.Reset()
	field := func(name, value string, varies bool) {
		// Writing to a buffer does not fail.
		_ = c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: varies})
	}
	field(":method", "POST", false)
	field(":scheme", c.client.Scheme, false)
	field(":path", method, false)
	field(":authority", c.client.Authority, false)
	field("content-type", "application/grpc", false)
	field("user-agent", c.client.UserAgent, false)
	field("te", "trailers", false)
	if deadline, ok := ctx.Deadline(); ok {
		field("grpc-timeout", timeout(time.Until(deadline)), true)
	}
	for _, h := range header {
		field(h.Name, h.Value, h.Varies)
	}
	block, kind := c.encoded.Bytes(), byte(frameHeaders)
	for {
		part := block[:min(len(block), c.maxFrame)]
		f := frame{length: len(part), kind: kind, stream: id}
		if block = block[len(part):]; len(block) == 0 {
			f.flags = flagEndHeaders
		}
		c.out = append(appendFrame(c.out, f), part...)
		if len(block) == 0 {
			return
		}
		kind = frameContinuation
	}
}

// data puts the next n bytes of a message on the way.
func (c *conn) data(s *stream, parts *[2][]byte, n int) {
	f := frame{length: n, kind: frameData, stream: s.id}
	if n == len(parts[0])+len(parts[1]) {
		f.flags = flagEndStream
	}
	c.out = appendFrame(c.out, f)
	for i := range parts {
		m := min(n, len(parts[i]))
		c.out = append(c.out, parts[i][:m]...)
		parts[i] = parts[i][m:]
		c.window, s.window, n = c.window-int64(m), s.window-int64(m), n-m
	}
}

// timeout in gRPC's notation: at most 8 digits, and a unit.
func timeout(d time.Duration) string {
	const most = 99_999_999
	unit, letter := time.Microsecond, byte('u')
	switch {
	case d > most*time.Second:
		d, unit, letter = most*time.Second, time.Second, 'S'
	case d > most*time.Millisecond:
		unit, letter = time.Second, 'S'
	case d > most*time.Microsecond:
		unit, letter = time.Millisecond, 'm'
	}
	var b [12]byte
	return string(append(appendInt(b[:0], max(int64(d/unit), 1)), letter))
}

func appendInt(b []byte, n int64) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// change is closed when the server allows more than it does now.
func (c *conn) change() <-chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// wait waits, without the lock meanwhile, for a change or until done is closed.
// The error is that of ctx.
func (c *conn) wait(ctx context.Context, change, done <-chan struct{}) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-change:
		return nil
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wake tells those who wait that there is more room.
func (c *conn) wake() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// cancel gives a call up.
func (c *conn) cancel(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(s, errCancel)
}

// forget resets a stream that has not ended, with the lock held.
func (c *conn) forget(s *stream, code uint32) {
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	c.wake()
	c.out = appendReset(c.out, s.id, code)
	c.flush()
}

// flush writes what there is, with the lock held, which is free while it
// writes. If someone else is writing already, that one goes on with it.
func (c *conn) flush() {
	if c.writing {
		return
	}
	c.writing = true
	for len(c.out) > 0 && !c.deaf {
		b := c.out
		c.out, c.spare = c.spare[:0], nil
		// To move the deadline of a connection costs more than to look at it.
		now := time.Now()
		late := now.Add(writeTime).After(c.deadline)
		if late {
			c.deadline = now.Add(2 * writeTime)
		}
		deadline := c.deadline
		c.mu.Unlock()
		var err error
		if late {
			err = c.nc.SetWriteDeadline(deadline)
		}
		if err == nil {
			_, err = c.nc.Write(b)
		}
		c.mu.Lock()
		if cap(b) <= keptBuffer {
			c.spare = b[:0]
		}
		if err != nil {
			c.unheard(err)
		}
	}
	c.writing = false
}

// unheard is what becomes of a connection that cannot be written to. What the
// server has said already still counts, as it may have ended in an orderly way.
func (c *conn) unheard(err error) {
	c.draining, c.deaf, c.out = true, true, nil
	c.wake()
	if len(c.streams) == 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		c.broken(err)
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(readTime)) // where this fails, so does reading
}

// fail ends the connection and all its calls.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken(err)
}

func (c *conn) broken(err error) {
	if c.err != nil {
		return
	}
	c.err, c.deaf = err, true
	_ = c.nc.Close() // what matters is why
	for _, s := range c.streams {
		status := unavailable("the connection broke: %v", err)
		status.untouched = !c.heard
		c.end(s, status)
	}
	c.wake()
}

// end gives a call its status, with the lock held. What else comes of it is not
// looked at.
func (c *conn) end(s *stream, status *Status) {
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	s.status = status
	close(s.done)
	c.wake()
	if c.draining && len(c.streams) == 0 && c.err == nil {
		c.broken(errDrained)
	}
}
