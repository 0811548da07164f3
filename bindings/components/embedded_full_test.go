package components

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/dapr/components-contrib/state"
)

// TestEmbeddedFull: who writes to a full disk is told which, and what to do.
func TestEmbeddedFull(t *testing.T) {
	dir := t.TempDir()
	e := embeddedStore(host{name: "orders", dir: dir, log: &bridge{log: slog.New(slog.DiscardHandler)}}).state.(*embedded)
	if err := e.Init(t.Context(), state.Metadata{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if err := e.Set(t.Context(), &state.SetRequest{Key: "small", Value: "x"}); err != nil {
		t.Fatal(err)
	}
	// SQLite has no more pages to give, as if the disk had none.
	if _, err := e.db.GetDBAccess().GetConnection().ExecContext(t.Context(), "PRAGMA max_page_count=1"); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 1<<20)
	for name, err := range map[string]error{
		"set":         e.Set(t.Context(), &state.SetRequest{Key: "large", Value: large}),
		"transaction": e.Multi(t.Context(), &state.TransactionalStateRequest{Operations: []state.TransactionalStateOperation{state.SetRequest{Key: "large", Value: large}}}),
	} {
		if err == nil || !strings.Contains(err.Error(), "the disk with "+dir+" is full: make room there") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
