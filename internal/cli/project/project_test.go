package project

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGoVersion(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(mod)
	if m == nil || string(m[1]) != goVersion {
		t.Errorf("projects ask for Go %s, Weft's go.mod for %s: a project can ask for no less", goVersion, m)
	}
}

func TestTemplates(t *testing.T) {
	if diff := cmp.Diff([]string{"hello", "order"}, Templates()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReplacement(t *testing.T) {
	checkout := t.TempDir()
	outside := t.TempDir()
	cases := map[string]struct {
		reason, dir, want string
	}{
		"Outside": {"an absolute directory holds wherever the project goes", outside, checkout},
		"Inside":  {"both can be moved together", filepath.Join(checkout, "samples", "shop"), filepath.Join("..", "..")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := Project{Dir: tc.dir, Checkout: checkout}
			if got := p.replacement(); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestWriteRefusesToOverwrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mesh.yaml"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Project{Dir: dir, Name: "shop", Template: "hello"}
	if _, err := p.Write(); err == nil {
		t.Error("a file that is there was written over")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "mesh.yaml")); err != nil || string(b) != "mine" {
		t.Errorf("the file now holds %q, %v", b, err)
	}
}
