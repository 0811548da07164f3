package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// maxErrorText bounds the text of an error in an answer, in bytes.
const maxErrorText = 8 << 10

// problem answers with a status and {"error": text}.
func problem(w http.ResponseWriter, status int, text string) {
	body, err := json.Marshal(struct {
		Error string `json:"error"`
	}{bounded(text)})
	if err != nil { // never of a string
		body = []byte(`{"error":""}`)
	}
	h := w.Header()
	h["Content-Type"] = []string{contract.TypeJSON}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone; there is no one to tell
}

// bounded cuts the text of an error for an answer.
func bounded(text string) string {
	if len(text) > maxErrorText {
		return strings.ToValidUTF8(text[:maxErrorText], "") + " …"
	}
	return text
}

// statusOf is the status that answers an error of a handler or of the host.
func statusOf(err error) (status int, after time.Duration) {
	var f *call.Failure
	if errors.As(err, &f) {
		return f.Status, f.After
	}
	return http.StatusInternalServerError, 0
}

// retryAfter sets the header, in whole seconds rounded up (RFC 9110, 10.2.3).
func retryAfter(h http.Header, d time.Duration) {
	seconds := int64((d + time.Second - 1) / time.Second)
	h["Retry-After"] = []string{strconv.FormatInt(max(seconds, 0), 10)}
}

// readFailure is the answer to an event that cannot be read. It is final:
// sending the same bytes again cannot help.
func readFailure(err error) *call.Failure {
	if errors.Is(err, wire.ErrUnsupported) {
		return &call.Failure{Status: http.StatusUnsupportedMediaType, Err: err}
	}
	return &call.Failure{Status: http.StatusBadRequest, Err: err}
}

// bodyFailure is the answer to a body that cannot be read.
func bodyFailure(ctx context.Context, err error, limit int64) *call.Failure {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &call.Failure{Status: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the body is larger than %d bytes, the limit that %s sets", limit, contract.EnvMaxBody)}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &call.Failure{Status: http.StatusBadRequest, Err: fmt.Errorf("the body broke off: %w", err)}
}
