package fn

import (
	"net/http"
	"time"

	"github.com/weftmesh/weft/runtime/internal/call"
)

// Permanent marks an error that no retry can mend: the call is answered 422
// and not tried again. The output has status 'error', and the event becomes a
// dead letter unless a link takes it. It returns nil for nil. errors.Is and
// errors.As see through it, and it holds when it is wrapped; of several marks,
// the outermost counts.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &call.Failure{Status: http.StatusUnprocessableEntity, Err: err}
}

// RetryAfter marks an error that a later try may mend, not before d: the call
// is answered 503 with Retry-After, in whole seconds rounded up. It counts as
// an attempt. It returns nil for nil, and wraps as Permanent does.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &call.Failure{Status: http.StatusServiceUnavailable, After: d, Err: err}
}
