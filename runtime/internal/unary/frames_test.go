package unary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// block is a header block; each is of a connection of its own.
func block(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

func framed(kind, flags byte, stream uint32, payload []byte) []byte {
	return append(appendFrame(nil, frame{length: len(payload), kind: kind, flags: flags, stream: stream}), payload...)
}

var (
	begins = framed(frameHeaders, flagEndHeaders, 1, block(":status", "200", "content-type", "application/grpc+proto"))
	answer = append([]byte{0, 0, 0, 0, 2}, "hi"...)
	ends   = framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block("grpc-status", "0"))
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// scripted is a server that says something to each connection, once it has heard
// the first frames of it, and then stays or goes.
func scripted(t testing.TB, stays bool, says ...[]byte) *Client {
	connections := 0
	c := &Client{Scheme: "http", Authority: "a", MaxAnswer: 1 << 20, Dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		said := says[min(connections, len(says)-1)]
		connections++
		go func() {
			if !stays {
				defer func() { _ = there.Close() }()
			}
			if _, err := io.ReadFull(there, make([]byte, len(preface)+frameHeadSize)); err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, there) }()
			_, _ = there.Write(said)
		}()
		return here, nil
	}}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestServers are those that grpc-go is not.
func TestServers(t *testing.T) {
	padded := func(pad byte, payload []byte) []byte { return join([]byte{pad}, payload, make([]byte, pad)) }
	goAway := func(last uint32) []byte {
		return framed(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), 0))
	}
	cases := map[string]struct {
		reason string
		says   [][]byte // to the first connection, the second ...
		want   string
		code   Code
		text   string
	}{
		"plain":        {"headers, data, trailers", [][]byte{join(begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"in pieces":    {"a message is not a frame", [][]byte{join(begins, framed(frameData, 0, 1, answer[:3]), framed(frameData, 0, 1, answer[3:]), ends)}, "hi", OK, ""},
		"padded":       {"padding is none of it", [][]byte{join(framed(frameHeaders, flagEndHeaders|flagPadded, 1, padded(3, block(":status", "200", "content-type", "application/grpc"))), framed(frameData, flagPadded, 1, padded(5, answer)), ends)}, "hi", OK, ""},
		"priority":     {"it is passed over", [][]byte{join(framed(frameHeaders, flagEndHeaders|flagPriority, 1, join(make([]byte, 5), block(":status", "200", "content-type", "application/grpc"))), framed(framePriority, 0, 1, make([]byte, 5)), framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"continued":    {"headers may take several frames", [][]byte{join(framed(frameHeaders, 0, 1, block(":status", "200")), framed(frameContinuation, flagEndHeaders, 1, block("content-type", "application/grpc")), framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"early hints":  {"1xx are not the answer", [][]byte{join(framed(frameHeaders, flagEndHeaders, 1, block(":status", "103")), begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"unknown":      {"frames that nobody knows are passed over", [][]byte{join(framed(99, 0, 0, []byte("x")), begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"ping":         {"it is answered meanwhile", [][]byte{join(framed(framePing, 0, 0, make([]byte, 8)), begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"going":        {"and where the server goes, elsewhere", [][]byte{goAway(0), join(begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"going, done":  {"what it has begun with it ends", [][]byte{join(goAway(1), begins, framed(frameData, 0, 1, answer), ends)}, "hi", OK, ""},
		"always going": {"but not for ever", [][]byte{goAway(0)}, "", Unavailable, "ending the connection"},
		"reset":        {"a server may give up", [][]byte{framed(frameRST, 0, 1, []byte{0, 0, 0, errEnhanceYourCalm})}, "", ResourceExhausted, "error 11"},
		"gone":         {"a call that may have been made is not made again", [][]byte{begins, join(begins, framed(frameData, 0, 1, answer), ends)}, "", Unavailable, "ended the connection"},
		"HTTP/1":       {"a server of another kind", [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, "", Unavailable, "bytes"},
		"no gRPC":      {"a server of another kind", [][]byte{join(framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "404", "content-type", "text/html")))}, "", Unimplemented, `"404"`},
		"no gRPC, 200": {"a server of another kind", [][]byte{framed(frameHeaders, flagEndHeaders, 1, block(":status", "200", "content-type", "text/html"))}, "", Unknown, "text/html"},
		"proxy":        {"a proxy without a server", [][]byte{framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "503"))}, "", Unavailable, "503"},
		"trailers":     {"nothing but a status", [][]byte{framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "200", "content-type", "application/grpc", "grpc-status", "5", "grpc-message", "no%20way"))}, "", NotFound, "no way"},
		"no trailers":  {"a status is missing", [][]byte{join(begins, framed(frameData, flagEndStream, 1, answer))}, "", Internal, "no status"},
		"no status":    {"a status is missing", [][]byte{join(begins, framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block("x", "y")))}, "", Internal, "no status"},
		"bad status":   {"a status is a number", [][]byte{framed(frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "200", "grpc-status", "x"))}, "", Unknown, ""},
		"nothing":      {"OK without a message", [][]byte{join(begins, ends)}, "", Internal, "not one message"},
		"half":         {"a part of one", [][]byte{join(begins, framed(frameData, 0, 1, answer[:6]), ends)}, "", Internal, "not one message"},
		"two":          {"more than one", [][]byte{join(begins, framed(frameData, 0, 1, join(answer, answer)), ends)}, "", Internal, "more than one message"},
		"compressed":   {"as nobody asked for", [][]byte{join(begins, framed(frameData, 0, 1, []byte{1, 0, 0, 0, 0}), ends)}, "", Internal, "compressed"},
		"large":        {"it is not waited for", [][]byte{join(begins, framed(frameData, 0, 1, []byte{0, 0, 0x20, 0, 0}))}, "", ResourceExhausted, "larger than max"},
		"goes on":      {"trailers are the end", [][]byte{join(begins, begins)}, "", Internal, "after the trailers"},
		"data first":   {"headers come first", [][]byte{framed(frameData, 0, 1, answer)}, "", Unavailable, "before headers"},
		"interrupted":  {"nothing comes between headers", [][]byte{join(framed(frameHeaders, 0, 1, nil), framed(framePing, 0, 0, make([]byte, 8)))}, "", Unavailable, "interrupted"},
		"no begin":     {"headers that go on have begun", [][]byte{framed(frameContinuation, flagEndHeaders, 1, nil)}, "", Unavailable, "not begun"},
		"bad headers":  {"they cannot be read", [][]byte{framed(frameHeaders, flagEndHeaders, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})}, "", Unavailable, "headers"},
		"too padded":   {"more than there is", [][]byte{framed(frameData, flagPadded, 1, []byte{9})}, "", Unavailable, "padding"},
		"push":         {"it was told not to", [][]byte{framed(framePushPromise, flagEndHeaders, 1, make([]byte, 8))}, "", Unavailable, "pushes"},
		"long frame":   {"the bound that was told", [][]byte{framed(frameData, 0, 1, make([]byte, defaultMaxFrame+1))}, "", Unavailable, "16384"},
		"bad settings": {"they are of 6 bytes", [][]byte{framed(frameSettings, 0, 0, make([]byte, 5))}, "", Unavailable, "not whole"},
		"bad window":   {"they have a bound", [][]byte{framed(frameSettings, 0, 0, []byte{0, settingWindow, 0xff, 0, 0, 0})}, "", Unavailable, "window"},
		"bad ping":     {"it has 8 bytes", [][]byte{framed(framePing, 0, 0, make([]byte, 7))}, "", Unavailable, "7 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := scripted(t, bytes.HasSuffix(tc.says[0], ends), tc.says...).Call(t.Context(), "/s/m", nil, nil)
			var s *Status
			if !errors.As(err, &s) {
				s = &Status{}
			}
			if string(got) != tc.want || s.Code != tc.code || !strings.Contains(s.Message, tc.text) {
				t.Errorf("%s: %q, %v; want %q, %v, %q", tc.reason, got, err, tc.want, tc.code, tc.text)
			}
		})
	}
}

// A call that the server has refused is one that it has not begun with.
func TestRefused(t *testing.T) {
	for code, want := range map[uint32]bool{errRefusedStream: true, errCancel: false, errEnhanceYourCalm: false, errInadequateSecurity: false} {
		if s := ofReset(code); s.untouched != want || s.Code == OK {
			t.Errorf("error %d: %+v", code, s)
		}
	}
}

func TestTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "1u", 0: "1u", time.Microsecond: "1u", time.Millisecond: "1000u", 99 * time.Second: "99000000u",
		100 * time.Second: "100000m", 30 * time.Hour: "108000S", 1 << 62: "99999999S",
	} {
		if got := timeout(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// FuzzServer: whatever a server says, the call ends when the connection does.
func FuzzServer(f *testing.F) {
	f.Add(join(begins, framed(frameData, 0, 1, answer), ends))
	f.Add(framed(frameSettings, 0, 0, []byte{0, settingWindow, 0, 0, 0, 0}))
	f.Add(join(framed(frameGoAway, 0, 0, make([]byte, 8)), framed(frameRST, 0, 1, make([]byte, 4)), framed(frameWindowUpdate, 0, 1, make([]byte, 4))))
	f.Fuzz(func(t *testing.T, says []byte) {
		got, err := scripted(t, false, says).Call(t.Context(), "/s/m", nil, []byte("question"))
		var s *Status
		if (err == nil) != (got != nil) || err != nil && (!errors.As(err, &s) || s.Code == OK) {
			t.Errorf("%q, %v", got, err)
		}
		_ = fmt.Sprint(err)
	})
}
