//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The requests as they go over the wire: one as the gateway passes it on, and
// an event in binary mode with the function's token.
var (
	plainRequest = wire("POST /orders HTTP/1.1", `{"id":"order-1","count":2}`,
		"Content-Type: application/json",
		"Weft-Event-Id: 4f1c0c0a0b5e4a6d8c1f2b3a4d5e6f70",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	)
	eventRequest = wire("POST / HTTP/1.1", `{"orderId":"order-1","customer":"c-17","items":[{"sku":"a","quantity":2}]}`,
		"Content-Type: application/json",
		"Ce-Specversion: 1.0",
		"Ce-Id: 4f1c0c0a0b5e4a6d8c1f2b3a4d5e6f70",
		"Ce-Source: /order-processing-mesh/ingest-order",
		"Ce-Type: order-processing-mesh.ingest-order.output",
		"Ce-Time: 2026-01-02T03:04:05Z",
		"Weft-Token: "+token,
	)
)

func wire(line, body string, headers ...string) []byte {
	headers = append(headers, "Host: 127.0.0.1", "User-Agent: weft-bench", "Content-Length: "+strconv.Itoa(len(body)))
	return []byte(line + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + body)
}

// unanswered is how long after the end of a turn an answer may come. One that
// has not come by then is taken for one that never will.
const unanswered = 500 * time.Millisecond

// outcome of a turn.
type outcome struct {
	answers int64
	// lost requests were never answered.
	lost int64
}

// closedLoop sends the same request on several connections, each time as soon
// as the last answer is there, for d; the answers must all have the status.
// What it does for a request is little, so that the server is the one that has
// no more to give.
func closedLoop(ctx context.Context, addr string, request []byte, status, connections int, d time.Duration) (outcome, error) {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // nothing that counts is under way
		}
	}()
	var dialer net.Dialer
	for range connections {
		c, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			return outcome{}, err
		}
		open = append(open, c)
	}
	var answers, lost atomic.Int64
	callers, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for _, c := range open {
		callers.Go(func() error {
			in := bufio.NewReader(c)
			if err := c.SetDeadline(begin.Add(d + unanswered)); err != nil {
				return err
			}
			n := int64(0)
			defer func() { answers.Add(n) }()
			for time.Since(begin) < d && ctx.Err() == nil {
				if _, err := c.Write(request); err != nil {
					return err
				}
				got, err := skipAnswer(in)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					lost.Add(1)
					return nil
				}
				if err != nil {
					return err
				}
				if got != status {
					return fmt.Errorf("it answered %d, and %d is wanted", got, status)
				}
				n++
			}
			return ctx.Err()
		})
	}
	err := callers.Wait()
	return outcome{answers.Load(), lost.Load()}, err
}

// skipAnswer reads one answer, which must say its length unless its status has
// no body, and returns the status.
func skipAnswer(in *bufio.Reader) (status int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("no status in %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("no status in %q", line)
	}
	length := -1
	if status == 204 {
		length = 0
	}
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(rest)); err != nil {
				return 0, fmt.Errorf("no length in %q", line)
			}
		}
	}
	if length < 0 {
		return 0, errors.New("the answer does not say its length")
	}
	if _, err := in.Discard(length); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return status, nil
}
