package contract

import (
	"os"
	"testing"
)

// TestRealDaprd holds the facts against the real thing.
func TestRealDaprd(t *testing.T) {
	path := os.Getenv("WEFT_TEST_DAPRD")
	if path == "" {
		if os.Getenv("WEFT_REAL") == "1" {
			t.Fatal("WEFT_TEST_DAPRD names no daprd: make test-real builds one")
		}
		t.Skip("WEFT_TEST_DAPRD names no daprd: make test-real builds one")
	}
	Run(t, Daprd{Path: path}, false)
}
