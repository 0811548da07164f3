package dapr

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weftmesh/weft/runtime/internal/unary"
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
		types, err := b.types(ctx)
		var s *unary.Status
		if errors.As(err, &s) && (s.Code == unary.Unavailable || s.Code == unary.Canceled || s.Code == unary.DeadlineExceeded) {
			return false // ask again
		}
		b.kinds.types, b.kinds.known = types, true
	}
	return b.kinds.types[store] == "state.redis"
}

// types asks for the components' types, by name (runtime.v1.GetMetadata).
func (b *Backend) types(ctx context.Context) (map[string]string, error) {
	answer, err := b.call(ctx, service+"GetMetadata", nil)
	if err != nil {
		return nil, err
	}
	types := make(map[string]string)
	err = fields(answer, func(field protowire.Number, value []byte) error {
		if field != 3 {
			return nil
		}
		return pair(value, &types) // of a component, the name is 1 and the type 2
	})
	return types, err
}

// forget lets redis ask again: a store may be another since the mesh file
// changed, and the etag that Redis understands fails there.
func (b *Backend) forget() {
	b.kinds.mu.Lock()
	defer b.kinds.mu.Unlock()
	b.kinds.known = false
}
