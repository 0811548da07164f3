package source

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestFaults loads the files of each archive and compares every problem, as
// printed, with its section want. The comment may hold lines "set path=value",
// and "references" to check those too.
func TestFaults(t *testing.T) {
	archives, _ := filepath.Glob("testdata/faults/*.txtar")
	if len(archives) == 0 {
		t.Fatal("no archives")
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archives {
		file = filepath.Join(home, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, want := t.TempDir(), ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				path := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			var opts Options
			references := false
			for line := range strings.Lines(string(a.Comment)) {
				line = strings.TrimSpace(line)
				if set, ok := strings.CutPrefix(line, "set "); ok {
					opts.Set = append(opts.Set, set)
				}
				references = references || line == "references"
			}
			b, problems := Load("mesh.yaml", opts)
			if (b.Plan == nil) != (problems.Err() != nil) {
				t.Errorf("plan %v with error %v", b.Plan, problems.Err())
			}
			if references {
				problems = append(problems, b.CheckReferences()...)
			}
			got := ""
			for _, p := range problems {
				got += p.String() + "\n"
			}
			if *update {
				rewrite(t, file, a, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func rewrite(t *testing.T, file string, a *txtar.Archive, want string) {
	t.Helper()
	files := a.Files[:0:0]
	for _, f := range a.Files {
		if f.Name != "want" {
			files = append(files, f)
		}
	}
	a.Files = append(files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
