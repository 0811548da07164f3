package local

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/gateway"
)

// tokens are the secrets of one run of the engine: that of the admin API and
// one for each function.
type tokens struct {
	admin     string
	functions *sync.Map // function name -> string
}

func newTokens() tokens {
	return tokens{admin: newToken(), functions: new(sync.Map)}
}

// newToken returns 160 random bits.
func newToken() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// function returns the token of a function, the same for as long as the engine
// runs.
func (t tokens) function(name string) string {
	v, ok := t.functions.Load(name)
	if !ok {
		v, _ = t.functions.LoadOrStore(name, newToken())
	}
	return v.(string)
}

// sinkURL is the K_SINK of a function.
func (e *engine) sinkURL(f *mesh.Function) string {
	return fmt.Sprintf("http://%s%s%s", e.sinkListener.Addr(), gateway.SinkPath, e.tokens.function(f.Name))
}
