package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh/delivery"
)

// problem answers with {"error", "hint"}.
func problem(w http.ResponseWriter, status int, text, hint string) {
	b, err := json.Marshal(adminapi.Problem{Error: text, Hint: hint})
	if err != nil {
		b = []byte(`{"error":"internal error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// busy answers 503 with Retry-After (RFC 9110, 10.2.3), at least a second.
func busy(w http.ResponseWriter, after time.Duration, text, hint string) {
	seconds := max(int64((after+time.Second-1)/time.Second), 1)
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	problem(w, http.StatusServiceUnavailable, text, hint)
}

// notRouted answers a call whose output could not be made durable, and returns
// the status of the answer. Only where trying again may help is it 503.
func notRouted(w http.ResponseWriter, function string, err error) (status int) {
	var unlinked *delivery.NotLinkedError
	switch text := "the output of " + function + " was not accepted"; {
	case errors.As(err, &unlinked), errors.Is(err, delivery.ErrTooLarge):
		problem(w, http.StatusInternalServerError, text+": "+err.Error(), "")
		return http.StatusInternalServerError
	case errors.Is(err, delivery.ErrQueueFull):
		busy(w, time.Second, text+": a queue behind it is full",
			"try again in a moment; the same Idempotency-Key is never routed twice")
	default:
		busy(w, time.Second, text, "try again in a moment")
	}
	return http.StatusServiceUnavailable
}
