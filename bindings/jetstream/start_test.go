package jetstream

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStartGivesUp: what keeps the queues from being opened is told at once,
// not when the wait for the server is over.
func TestStartGivesUp(t *testing.T) {
	dir := t.TempDir()
	place := filepath.Join(dir, "jetstream", "$G")
	if err := os.MkdirAll(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, "streams"), []byte("a file where a directory belongs"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	s, err := Start(ctx, Options{Dir: dir, Mesh: "m", Namespace: "n"})
	if err == nil {
		_ = s.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), dir) {
		t.Errorf("error %q does not name the directory", err)
	}
}
