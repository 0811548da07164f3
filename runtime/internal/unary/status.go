package unary

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Code says how a call ended, by gRPC's numbers.
type Code uint32

// The codes (statuscodes.md of grpc/grpc).
const (
	OK Code = iota
	Canceled
	Unknown
	InvalidArgument
	DeadlineExceeded
	NotFound
	AlreadyExists
	PermissionDenied
	ResourceExhausted
	FailedPrecondition
	Aborted
	OutOfRange
	Unimplemented
	Internal
	Unavailable
	DataLoss
	Unauthenticated
)

var codeNames = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "Code(" + strconv.FormatUint(uint64(c), 10) + ")"
}

// Status is the error of a call that did not end with OK.
type Status struct {
	Code    Code
	Message string
	// Details is a google.rpc.Status in protobuf, which some servers send beside
	// code and message; nil if there is none.
	Details []byte

	// untouched says that the server has not begun with the call.
	untouched bool
}

func (s *Status) Error() string { return s.Message + " (" + s.Code.String() + ")" }

// Is makes the status of a call whose time was up a context's error.
func (s *Status) Is(target error) bool {
	switch s.Code {
	case Canceled:
		return target == context.Canceled
	case DeadlineExceeded:
		return target == context.DeadlineExceeded
	}
	return false
}

// fromContext is the status of a call whose context has ended.
func fromContext(err error) *Status {
	code := Canceled
	if errors.Is(err, context.DeadlineExceeded) {
		code = DeadlineExceeded
	}
	return &Status{Code: code, Message: err.Error()}
}

// head is what the headers and trailers of an answer say.
type head struct {
	http, contentType        string
	code, message, detailing string
}

// set takes a header field.
func (h *head) set(name, value string) {
	switch name {
	case ":status":
		h.http = value
	case "content-type":
		h.contentType = value
	case "grpc-status":
		h.code = value
	case "grpc-message":
		h.message = value
	case "grpc-status-details-bin":
		h.detailing = value
	}
}

// informational says that the answer is still to come (RFC 9110, 15.2).
func (h *head) informational() bool { return len(h.http) == 3 && h.http[0] == '1' }

// refused gives the status of an answer that is none of a gRPC server, nil if
// it is one.
func (h *head) refused() *Status {
	if h.code != "" {
		return nil
	}
	if h.http != "200" {
		return &Status{Code: ofHTTP(h.http), Message: fmt.Sprintf("the server answers with HTTP status %q: is it a gRPC server?", h.http)}
	}
	if !strings.HasPrefix(h.contentType, "application/grpc") {
		return &Status{Code: Unknown, Message: fmt.Sprintf("the server answers with content type %q: is it a gRPC server?", h.contentType)}
	}
	return nil
}

// ofHTTP gives the code for an HTTP status (http-grpc-status-mapping.md of
// grpc/grpc).
func ofHTTP(status string) Code {
	n, _ := strconv.Atoi(status)
	switch n {
	case http.StatusBadRequest:
		return Internal
	case http.StatusUnauthorized:
		return Unauthenticated
	case http.StatusForbidden:
		return PermissionDenied
	case http.StatusNotFound:
		return Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unavailable
	}
	return Unknown
}

// end gives the status that the trailers tell; nil if it is OK.
func (h *head) end() *Status {
	if h.code == "0" {
		return nil
	}
	if h.code == "" {
		return &Status{Code: Internal, Message: "the server's answer has no status"}
	}
	s := &Status{Code: Unknown, Message: unescape(h.message)}
	if n, err := strconv.ParseUint(h.code, 10, 32); err == nil {
		s.Code = Code(n)
	}
	if h.detailing != "" {
		// With padding or without (PROTOCOL-HTTP2.md, "Binary-Header").
		s.Details, _ = base64.RawStdEncoding.DecodeString(strings.TrimRight(h.detailing, "="))
	}
	return s
}

// unescape undoes the percent-encoding of a message. What is no valid escape
// stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ofReset gives the status of a stream that the server has reset (RFC 9113, 7;
// PROTOCOL-HTTP2.md, "Errors").
func ofReset(code uint32) *Status {
	s := &Status{Code: Internal, Message: fmt.Sprintf("the server has reset the call with HTTP/2 error %d", code)}
	switch code {
	case errRefusedStream:
		s.Code, s.untouched = Unavailable, true
	case errCancel:
		s.Code = Canceled
	case errEnhanceYourCalm:
		s.Code = ResourceExhausted
	case errInadequateSecurity:
		s.Code = PermissionDenied
	}
	return s
}

func unavailable(format string, args ...any) *Status {
	return &Status{Code: Unavailable, Message: fmt.Sprintf(format, args...)}
}
