package contract

import (
	"testing"

	"github.com/weftmesh/weft/internal/realtest"
)

// TestRealDaprd holds the facts against the real thing.
func TestRealDaprd(t *testing.T) {
	Run(t, Daprd{Path: realtest.Need(t, "WEFT_TEST_DAPRD", "make test-real builds daprd")}, false)
}
