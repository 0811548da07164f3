package scaffold

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
)

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"used": unused / 2, "old": 2 * unused} {
		base := filepath.Join(dir, modulesPrefix+name, baseFile)
		if err := write(base, []byte("module x\n")); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(base, then, then); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	for name, want := range map[string]bool{"used": true, "old": false} {
		if _, err := os.Stat(filepath.Join(dir, modulesPrefix+name)); (err == nil) != want {
			t.Errorf("the go.mod called %s: %v", name, err)
		}
	}
}

func TestGodebug(t *testing.T) {
	cases := map[string]struct{ reason, own, want string }{
		"None":    {"the defaults are those of the module's version, not of the runtime's", "", "go1.20"},
		"Setting": {"a setting leaves the defaults alone", "godebug panicnil=1\n", "go1.20"},
		"Default": {"the module's own word counts", "godebug default=go1.21\n", "go1.21"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file, err := modfile.Parse("go.mod", []byte("module x\n\ngo 1.20\n\n"+tc.own), nil)
			if err != nil {
				t.Fatal(err)
			}
			m := &mod{file: file}
			if err := m.godebug(file.Godebug, goVersion(file)); err != nil {
				t.Fatal(err)
			}
			var got string
			for _, g := range m.file.Godebug {
				if g.Key == "default" {
					got = g.Value
				}
			}
			if got != tc.want {
				t.Errorf("%s: default is %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
