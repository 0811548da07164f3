package function

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArchive keeps a letter twice, and finds it after a new start.
func TestArchive(t *testing.T) {
	settings := map[string]string{"ARCHIVE": filepath.Join(t.TempDir(), "new", "letters")}
	do := func(a *Archive, method, body string) (int, string) {
		w := httptest.NewRecorder()
		a.Handle(w, httptest.NewRequest(method, "/?id=a", strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	first := New()
	if ready, _ := first.Ready(t.Context()); ready {
		t.Error("ready before its start")
	}
	if code, _ := do(first, http.MethodGet, ""); code != http.StatusServiceUnavailable {
		t.Errorf("before the start: %d", code)
	}
	if err := first.Start(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if code, _ := do(first, http.MethodGet, ""); code != http.StatusNotFound {
		t.Errorf("before a letter: %d", code)
	}
	if code, _ := do(first, http.MethodPost, "no"); code != http.StatusBadRequest {
		t.Errorf("no letter: %d", code)
	}
	for range 2 {
		if code, body := do(first, http.MethodPost, `{"id":"a","text":"hello"}`); code != http.StatusNoContent {
			t.Errorf("a letter: %d %s", code, body)
		}
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	second := New()
	if err := second.Start(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Stop(t.Context()) })
	if ready, err := second.Ready(t.Context()); !ready || err != nil {
		t.Errorf("ready: %v, %v", ready, err)
	}
	if _, body := do(second, http.MethodGet, ""); !strings.Contains(body, "hello") {
		t.Errorf("after a new start: %s", body)
	}
	if written, err := os.ReadFile(settings["ARCHIVE"]); err != nil || strings.Count(string(written), "\n") != 1 {
		t.Errorf("written: %q, %v", written, err)
	}
}

func TestArchiveDoesNotStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	if err := os.WriteFile(path, []byte("{}\nno\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := New().Start(t.Context(), map[string]string{"ARCHIVE": path}); err == nil || !strings.Contains(err.Error(), "letters:2: ") {
		t.Errorf("got %v, want the line", err)
	}
}
