package dapr

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// absent is an etag that no key of state.redis has: there, etags count from 1.
const absent = "-1"

// kinds knows the types of the components, for the one of them that needs it:
// state.redis takes first-write without an etag for a new key only if the key
// that is there was made the same way, refuses plain writes of it from then on,
// and ignores the mode in transactions. An etag that does not fit it
// compares in each case, and a key that does not exist fits any
// (components-contrib, state/redis: setDefaultQuery).
type kinds struct {
	mu    sync.Mutex
	known bool
	types map[string]string
}

// redis says whether a store is one. The API is asked once; where it does not
// tell, none is.
func (b *Backend) redis(ctx context.Context, store string) bool {
	b.kinds.mu.Lock()
	defer b.kinds.mu.Unlock()
	if !b.kinds.known {
		answer, err := b.sdk.GetMetadata(ctx)
		switch status.Code(err) {
		case codes.OK:
			b.kinds.types = make(map[string]string, len(answer.RegisteredComponents))
			for _, c := range answer.RegisteredComponents {
				b.kinds.types[c.Name] = c.Type
			}
		case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
			return false // ask again
		}
		b.kinds.known = true
	}
	return b.kinds.types[store] == "state.redis"
}

// forget lets redis ask again: a store may be another since the mesh file
// changed, and the etag that Redis understands fails there.
func (b *Backend) forget() {
	b.kinds.mu.Lock()
	defer b.kinds.mu.Unlock()
	b.kinds.known = false
}
