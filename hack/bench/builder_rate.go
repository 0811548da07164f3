//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// answer reads one answer at the beginning of b. It must say its length unless
// its status has no body; length is 0 as long as it is not all there.
func answer(b []byte) (status, length int, err error) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return 0, 0, nil
	}
	if len(head) < len("HTTP/1.1 200") || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("no status in %q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, 0, fmt.Errorf("no status in %q", head)
	}
	size := 0
	if status != 204 {
		_, rest, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
		if !ok {
			return 0, 0, errors.New("the answer does not say its length")
		}
		digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if size, err = strconv.Atoi(string(digits)); err != nil {
			return 0, 0, fmt.Errorf("no length in %q", head)
		}
	}
	if len(body) < size {
		return 0, 0, nil
	}
	return status, len(head) + 4 + size, nil
}

// expect is answer for a connection on which nothing else may come.
func expect(b []byte, status int) (whole bool, err error) {
	got, length, err := answer(b)
	switch {
	case err != nil || length == 0:
		return false, err
	case got != status:
		return false, fmt.Errorf("it answered %d, and %d is wanted", got, status)
	case length != len(b):
		return false, fmt.Errorf("%d bytes follow its answer", len(b)-length)
	}
	return true, nil
}
