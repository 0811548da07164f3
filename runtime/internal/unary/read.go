package unary

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/net/http2/hpack"
)

// ackEvery is how much is read until the server hears of it.
const ackEvery = connWindow / 4

var errDrained = errors.New("the server has ended the connection")

// reader takes apart what the server sends. What it fails with ends the
// connection.
type reader struct {
	conn    *conn
	in      *bufio.Reader
	decoder *hpack.Decoder
	// block gathers a header block, of a stream that it ends or not.
	block     []byte
	open      bool // a block has begun and not ended
	blockOf   uint32
	blockEnds bool
	fields    head
	unread    int // bytes of data that the server has not heard of
}

func (c *conn) read() {
	r := &reader{conn: c, in: bufio.NewReaderSize(c.nc, 4<<10)}
	r.decoder = hpack.NewDecoder(4<<10, func(f hpack.HeaderField) { r.fields.set(f.Name, f.Value) })
	r.decoder.SetMaxStringLength(maxHeader)
	for first := true; ; first = false {
		err := r.next()
		if first && err == nil {
			c.mu.Lock()
			c.heard = true
			c.mu.Unlock()
		}
		if err != nil {
			if err == io.EOF {
				err = errDrained
			}
			c.fail(err)
			return
		}
	}
}

// next reads a frame.
func (r *reader) next() error {
	var b [frameHeadSize]byte
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return err
	}
	f := parseFrame(&b)
	if f.length > defaultMaxFrame {
		return fmt.Errorf("a frame of %d bytes: %d are allowed", f.length, defaultMaxFrame)
	}
	if r.open && (f.kind != frameContinuation || f.stream != r.blockOf) {
		return errors.New("headers were interrupted")
	}
	switch f.kind {
	case frameData:
		return r.data(f)
	case frameHeaders, frameContinuation:
		return r.headers(f)
	case frameRST:
		return r.reset(f)
	case frameSettings:
		return r.settings(f)
	case framePushPromise:
		return errors.New("the server pushes, which it was told not to")
	case framePing:
		return r.ping(f)
	case frameGoAway:
		return r.goAway(f)
	case frameWindowUpdate:
		return r.windowUpdate(f)
	}
	_, err := r.in.Discard(f.length) // priorities, and what is not known (RFC 9113, 5.5)
	return err
}

// payload reads a frame that is small.
func (r *reader) payload(f frame, size int, b []byte) error {
	if f.length != size {
		return fmt.Errorf("a frame of type %d has %d bytes, not %d", f.kind, f.length, size)
	}
	_, err := io.ReadFull(r.in, b[:size])
	return err
}

// padding reads how much there is of it, and takes it off the length.
func (r *reader) padding(f *frame) (pad int, err error) {
	if !f.has(flagPadded) {
		return 0, nil
	}
	n, err := r.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if f.length -= 1 + int(n); f.length < 0 {
		return 0, errors.New("a frame has more padding than it has bytes")
	}
	return int(n), nil
}

// find returns the stream of a frame; nil if it has ended for this side.
func (r *reader) find(id uint32) *stream {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	return r.conn.streams[id]
}

func (r *reader) data(f frame) error {
	r.unread += f.length
	pad, err := r.padding(&f)
	if err != nil {
		return err
	}
	s := r.find(f.stream)
	if s == nil {
		if _, err := r.in.Discard(f.length + pad); err != nil {
			return err
		}
		return r.ack()
	}
	if s.head.http == "" {
		return errors.New("data came before headers")
	}
	at := len(s.data)
	s.data = slices.Grow(s.data, f.length)[:at+f.length]
	if _, err := io.ReadFull(r.in, s.data[at:]); err != nil {
		return err
	}
	if _, err := r.in.Discard(pad); err != nil {
		return err
	}
	if status := s.tooMuch(r.conn.client.MaxAnswer); status != nil {
		r.drop(s, status)
	} else if f.has(flagEndStream) {
		r.end(s, &Status{Code: Internal, Message: "the server's answer has no status"})
	}
	return r.ack()
}

// tooMuch looks at what has come so far.
func (s *stream) tooMuch(most int) *Status {
	if len(s.data) < prefixSize {
		return nil
	}
	length := int64(binary.BigEndian.Uint32(s.data[1:]))
	switch {
	case s.data[0] != 0:
		return &Status{Code: Internal, Message: "the answer is compressed, which nobody asked for"}
	case length > int64(most):
		return &Status{Code: ResourceExhausted, Message: fmt.Sprintf("grpc: received message larger than max (%d vs. %d)", length, most)}
	case int64(len(s.data)-prefixSize) > length:
		return &Status{Code: Internal, Message: "the answer is more than one message"}
	}
	return nil
}

// ack tells the server what was read, now and then.
func (r *reader) ack() error {
	if r.unread >= ackEvery {
		c := r.conn
		c.mu.Lock()
		c.out = appendWindowUpdate(c.out, 0, uint32(r.unread))
		c.flush()
		c.mu.Unlock()
		r.unread = 0
	}
	return nil
}

func (r *reader) headers(f frame) error {
	pad, err := 0, error(nil)
	switch {
	case f.kind == frameContinuation && !r.open:
		return errors.New("headers go on that have not begun")
	case f.kind == frameHeaders:
		if pad, err = r.padding(&f); err != nil {
			return err
		}
		if f.has(flagPriority) {
			if f.length -= 5; f.length < 0 {
				return errors.New("a frame of headers is too short")
			}
			if _, err := r.in.Discard(5); err != nil {
				return err
			}
		}
		r.block, r.open, r.blockOf, r.blockEnds = r.block[:0], true, f.stream, f.has(flagEndStream)
	}
	at := len(r.block)
	if at+f.length > maxHeader {
		return fmt.Errorf("headers of more than %d bytes", maxHeader)
	}
	r.block = append(r.block, make([]byte, f.length)...)
	if _, err := io.ReadFull(r.in, r.block[at:]); err != nil {
		return err
	}
	if _, err := r.in.Discard(pad); err != nil || !f.has(flagEndHeaders) {
		return err
	}
	r.open, r.fields = false, head{}
	// Also for a stream that has ended: both sides remember fields.
	if _, err := r.decoder.Write(r.block); err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	if err := r.decoder.Close(); err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	if s := r.find(r.blockOf); s != nil {
		r.told(s)
	}
	return nil
}

// told takes the headers or trailers that were read.
func (r *reader) told(s *stream) {
	first := s.head.http == ""
	if first && !r.blockEnds && r.fields.informational() {
		return
	}
	if first {
		s.head = r.fields
		if status := s.head.refused(); status != nil {
			r.drop(s, status)
			return
		}
	} else {
		s.head.code, s.head.message, s.head.detailing = r.fields.code, r.fields.message, r.fields.detailing
	}
	if r.blockEnds {
		r.end(s, s.head.end())
	} else if !first {
		r.drop(s, &Status{Code: Internal, Message: "the server goes on after the trailers"})
	}
}

func (r *reader) end(s *stream, status *Status) {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	r.conn.end(s, status)
}

// drop ends a call whose answer is of no use.
func (r *reader) drop(s *stream, status *Status) {
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.id] == s {
		c.out = appendReset(c.out, s.id, errCancel)
		c.end(s, status)
		c.flush()
	}
}

func (r *reader) reset(f frame) error {
	var b [4]byte
	if err := r.payload(f, 4, b[:]); err != nil {
		return err
	}
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[f.stream]; s != nil {
		c.end(s, ofReset(binary.BigEndian.Uint32(b[:])))
	}
	return nil
}

func (r *reader) settings(f frame) error {
	if f.has(flagAck) {
		_, err := r.in.Discard(f.length)
		return err
	}
	if f.length%6 != 0 {
		return errors.New("settings are not whole")
	}
	c := r.conn
	for range f.length / 6 {
		var b [6]byte
		if _, err := io.ReadFull(r.in, b[:]); err != nil {
			return err
		}
		c.mu.Lock()
		err := c.set(binary.BigEndian.Uint16(b[:]), binary.BigEndian.Uint32(b[2:]))
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake()
	c.out = appendFrame(c.out, frame{kind: frameSettings, flags: flagAck})
	c.flush()
	return nil
}

// set takes a setting of the server (RFC 9113, 6.5.2), with the lock held.
func (c *conn) set(id uint16, value uint32) error {
	switch id {
	case settingTableSize:
		c.encoder.SetMaxDynamicTableSizeLimit(value)
	case settingMaxStreams:
		c.maxStreams = int(value)
	case settingWindow:
		if value > maxWindow {
			return fmt.Errorf("a window of %d bytes", value)
		}
		for _, s := range c.streams {
			if s.window += int64(value) - c.initial; s.window > maxWindow {
				return errors.New("a window that is too large")
			}
		}
		c.initial = int64(value)
	case settingMaxFrame:
		if value < defaultMaxFrame || value >= 1<<24 {
			return fmt.Errorf("frames of %d bytes", value)
		}
		// Larger ones are allowed, and not needed.
	}
	return nil
}

func (r *reader) ping(f frame) error {
	var b [8]byte
	if err := r.payload(f, 8, b[:]); err != nil || f.has(flagAck) {
		return err
	}
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(appendFrame(c.out, frame{length: 8, kind: framePing, flags: flagAck}), b[:]...)
	c.flush()
	return nil
}

// goAway takes no for an answer: calls that the server will not begin with can
// be made elsewhere, the others end here.
func (r *reader) goAway(f frame) error {
	var b [8]byte
	if f.length < len(b) {
		return errors.New("a frame of type 7 is too short")
	}
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return err
	}
	if _, err := r.in.Discard(f.length - len(b)); err != nil {
		return err
	}
	last, code := binary.BigEndian.Uint32(b[:])&maxStreamID, binary.BigEndian.Uint32(b[4:])
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	for id, s := range c.streams {
		if id > last {
			status := unavailable("the server is ending the connection")
			status.untouched = true
			c.end(s, status)
		}
	}
	c.wake()
	if len(c.streams) == 0 || code != errNone {
		c.broken(errDrained)
	}
	return nil
}

func (r *reader) windowUpdate(f frame) error {
	var b [4]byte
	if err := r.payload(f, 4, b[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(b[:]) & maxWindow)
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	window := &c.window
	if f.stream != 0 {
		s := c.streams[f.stream]
		if s == nil {
			return nil
		}
		window = &s.window
	}
	if *window += n; *window > maxWindow {
		return errors.New("a window that is too large")
	}
	c.wake()
	return nil
}
