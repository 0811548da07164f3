package jetstream

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func sized(id string, bytes int) *event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("test")
	_ = e.SetData("application/octet-stream", make([]byte, bytes))
	return &e
}

// TestDamagedStore starts on a directory that something else has written to.
func TestDamagedStore(t *testing.T) {
	cases := map[string]struct {
		reason string
		damage func(t *testing.T, dir string)
		error  string
	}{
		"Meta": {"a stream's description is garbage", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, "jetstream/$G/streams/WEFT_default_shop_q/meta.inf"), []byte("garbage"))
		}, "are damaged"},
		"NotADirectory": {"there is a file where the directory should be", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			overwrite(t, dir, []byte("x"))
		}, "queue directory"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			opts := Options{Dir: dir, Namespace: "default", Mesh: "shop", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
			s, err := Start(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Declare(t.Context(), "q"); err != nil {
				t.Fatal(err)
			}
			if err := s.Publish(t.Context(), "q", sized("a", 10)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tc.damage(t, dir)
			s, err = Start(t.Context(), opts)
			if err == nil {
				_ = s.Close()
				t.Fatalf("%s: it started", tc.reason)
			}
			if !strings.Contains(err.Error(), tc.error) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: error = %v, want %q and the directory", tc.reason, err, tc.error)
			}
			t.Log(err)
		})
	}
}

func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
