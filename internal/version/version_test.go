package version

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFrom(t *testing.T) {
	main := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: Module, Version: version}, Settings: settings}
	}
	type want struct{ Version, Commit string }
	cases := map[string]struct {
		reason string
		info   *debug.BuildInfo
		want   want
	}{
		"NoInfo":      {"a binary without build information is a development build", &debug.BuildInfo{}, want{"devel", ""}},
		"Devel":       {"go build in a checkout without VCS stamping", main("(devel)"), want{"devel", ""}},
		"Release":     {"go install of a tag", main("v1.2.3"), want{"v1.2.3", ""}},
		"PreRelease":  {"a pre-release is a release to the proxy", main("v1.2.3-rc.1"), want{"v1.2.3-rc.1", ""}},
		"Pseudo":      {"VCS stamping of an untagged checkout", main("v0.0.0-20260102030405-abcdefabcdef"), want{"devel", ""}},
		"PseudoAfter": {"VCS stamping after a tag", main("v1.2.4-0.20260102030405-abcdefabcdef"), want{"devel", ""}},
		"Dirty":       {"a changed tree is never a release", main("v1.2.3+dirty"), want{"devel", ""}},
		"Commit": {"the revision and whether the tree had changes",
			main("(devel)", debug.BuildSetting{Key: "vcs.revision", Value: "abc"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}),
			want{"devel", "abc+dirty"}},
		"Dependency": {"a program that uses Weft's packages sees the version it requires",
			&debug.BuildInfo{Main: debug.Module{Path: "example.com/shop"}, Deps: []*debug.Module{{Path: Module, Version: "v1.0.0"}}},
			want{"v1.0.0", ""}},
		"Replaced": {"a replaced dependency is a development build",
			&debug.BuildInfo{Deps: []*debug.Module{{Path: Module, Version: "v1.0.0", Replace: &debug.Module{Path: "/src/weft"}}}},
			want{"devel", ""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := from(tc.info)
			if diff := cmp.Diff(tc.want, want{got.Version, got.Commit}); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestIsCheckout(t *testing.T) {
	dir := t.TempDir()
	if IsCheckout(dir) || IsCheckout("") {
		t.Error("a directory without go.mod is no checkout")
	}
	write := func(content string) {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("module github.com/weftmesh/weft/hack/tools\n\ngo 1.26\n")
	if IsCheckout(dir) {
		t.Error("another module of the repository is no checkout")
	}
	write("module github.com/weftmesh/weft\n\ngo 1.26\n")
	if !IsCheckout(dir) {
		t.Error("the module's directory is a checkout")
	}
	if c := Checkout(); c != "" && !IsCheckout(c) {
		t.Errorf("Checkout() = %q is none", c)
	}
}

func TestString(t *testing.T) {
	i := Info{Version: "devel", Commit: "0123456789abcdef+dirty", Go: "go1.26.4", OS: "linux", Arch: "amd64"}
	if got, want := i.String(), "devel (0123456789ab+dirty) go1.26.4 linux/amd64"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
