package local

import (
	"errors"
	"sync"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// tellAgain is how long the same reason for a function not to be available is
// not told again: a server that is not there is looked for several times a
// second.
const tellAgain = time.Minute

// troubles remembers why functions are not available, as it was told last. The
// zero troubles is ready for use, also concurrently.
type troubles struct {
	mu   sync.Mutex
	told map[string]trouble
}

type trouble struct {
	reason string
	at     time.Time
}

// isNew says whether a reason is to be told, and takes it that it is.
func (t *troubles) isNew(function, reason string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.told[function]; ok && last.reason == reason && now.Sub(last.at) < tellAgain {
		return false
	}
	if t.told == nil {
		t.told = make(map[string]trouble)
	}
	t.told[function] = trouble{reason, now}
	return true
}

// over forgets the troubles of a function.
func (t *troubles) over(function string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.told, function)
}

// why is the reason of a function's error, without its name.
func why(err error) string {
	var u *delivery.UnavailableError
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}
