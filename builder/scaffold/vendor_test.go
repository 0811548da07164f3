package scaffold

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

func TestParseVendor(t *testing.T) {
	vendored, versions := parseVendor([]byte(`# example.com/a v1.2.0
## explicit; go 1.20
example.com/a
example.com/a/sub
# example.com/none v1.0.0
## explicit
# example.com/b v2.0.0+incompatible => ../b
example.com/b
# example.com/c => ./c
example.com/c
# example.com/d => ./d
`))
	want := []module.Version{{Path: "example.com/a", Version: "v1.2.0"}, {Path: "example.com/b", Version: "v2.0.0+incompatible"}, {Path: "example.com/c"}}
	if diff := cmp.Diff(want, vendored); diff != "" {
		t.Errorf("modules with packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"example.com/a": "1.20"}, versions); diff != "" {
		t.Errorf("versions of the language (-want +got):\n%s", diff)
	}
}

// FuzzParseVendor has any file come through, and no module twice.
func FuzzParseVendor(f *testing.F) {
	f.Add("# example.com/a v1.2.0\n## explicit; go 1.20\nexample.com/a\n")
	f.Add("# \n#\n##\n## workspace\n# a\nx\n# a => b\nx")
	f.Fuzz(func(t *testing.T, text string) {
		vendored, _ := parseVendor([]byte(text))
		seen := map[module.Version]bool{}
		for _, v := range vendored {
			if seen[v] || v.Path == "" {
				t.Errorf("%q: %v", text, v)
			}
			seen[v] = true
		}
	})
}

func TestGoflags(t *testing.T) {
	g := goflags("-mod=vendor --tags=a,b -modfile=x.mod -trimpath")
	for name, want := range map[string]string{"mod": "vendor", "tags": "a,b", "modfile": "x.mod", "trimpath": "", "o": ""} {
		if got := g.value(name); got != want {
			t.Errorf("-%s is %q, want %q", name, got, want)
		}
	}
	if got := g.without("mod", "modfile"); got != "--tags=a,b -trimpath" {
		t.Errorf("left: %q", got)
	}
}
