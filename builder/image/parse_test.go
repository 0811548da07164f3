package image

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
)

func TestParseTarget(t *testing.T) {
	cases := map[string]struct {
		reason, in string
		// ref is that of an image "shop-greet" with tag "v1"; wrong is part
		// of the error.
		ref, wrong string
		files      bool
	}{
		"None":     {reason: "the image's own reference", in: "", ref: "shop-greet:v1"},
		"Host":     {reason: "a host with a port", in: "localhost:5000", ref: "localhost:5000/shop-greet:v1"},
		"Path":     {reason: "a host and the beginning of a repository", in: "ghcr.io/acme/", ref: "ghcr.io/acme/shop-greet:v1"},
		"Bare":     {reason: "as with docker, a word is a user of Docker's registry", in: "acme", ref: "acme/shop-greet:v1"},
		"Layout":   {reason: "a directory", in: "oci:out/", ref: "shop-greet:v1", files: true},
		"Archive":  {reason: "a file", in: "tar:out.tar", ref: "shop-greet:v1", files: true},
		"NoPlace":  {reason: "nothing behind oci:", in: "oci:", wrong: "names no place"},
		"ADir":     {reason: "a directory where a file is meant", in: "tar:out/", wrong: "names no place"},
		"URL":      {reason: "an address is not a registry", in: "https://ghcr.io/acme", wrong: "write the registry as ghcr.io/acme"},
		"Password": {reason: "user and password are not shown", in: "https://ann:s3cret@ghcr.io", wrong: "docker login"},
		"Relative": {reason: "a path without oci:", in: "./out", wrong: "oci:./out"},
		"Absolute": {reason: "a path without oci:", in: "/out", wrong: "oci:/out"},
		"Capitals": {reason: "repositories are lower case", in: "ghcr.io/Acme", wrong: "no registry"},
		"Spaces":   {reason: "no registry has spaces", in: "a b", wrong: "no registry"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			target, err := ParseTarget(tc.in)
			if tc.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wrong) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s: got %v", tc.reason, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if got := target.Ref("shop-greet", "v1"); got != tc.ref || target.Files() != tc.files {
				t.Errorf("%s: got %s, files %v", tc.reason, got, target.Files())
			}
		})
	}
}

// FuzzParseTarget has every target that is accepted make references that can
// be parsed, and no error show what stands before an @.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"", "localhost:5000", "ghcr.io/acme", "oci:out", "tar:out", "https://a:b@c", "a b", "oci:", ":", "ü/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := ParseTarget(s)
		if err != nil {
			if user, _, ok := strings.Cut(s, "@"); ok && len(user) > 20 && strings.Contains(err.Error(), user) && !strings.HasPrefix(s, "oci:") && !strings.HasPrefix(s, "tar:") {
				t.Errorf("%q: the error says %v", s, err)
			}
			return
		}
		ref := target.Ref("shop-greet", "v1")
		if _, err := name.NewTag(ref); err != nil {
			t.Errorf("%q makes reference %q: %v", s, ref, err)
		}
	})
}

func TestParsePlatforms(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     []string
		want   []Platform
		wrong  string
	}{
		"One":       {reason: "one", in: []string{"linux/arm64"}, want: []Platform{{"linux", "arm64"}}},
		"Both":      {reason: "a list and a flag, each once, in their order", in: []string{"linux/arm64, linux/amd64", "linux/arm64"}, want: []Platform{{"linux", "arm64"}, {"linux", "amd64"}}},
		"OtherArch": {reason: "what Go knows, the go command says", in: []string{"linux/riscv64"}, want: []Platform{{"linux", "riscv64"}}},
		"Darwin":    {reason: "images are of Linux", in: []string{"darwin/arm64"}, wrong: `"darwin/arm64"`},
		"Word":      {reason: "no slash", in: []string{"amd64"}, wrong: "linux/amd64"},
		"Path":      {reason: "it becomes the name of a directory", in: []string{"linux/../x"}, wrong: "not one"},
		"Empty":     {reason: "nothing", in: []string{""}, wrong: "not one"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			got, err := ParsePlatforms(tc.in...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if (tc.wrong != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}

func TestSplitRef(t *testing.T) {
	for in, want := range map[string][2]string{
		"":                                 {"", "latest"},
		"greet":                            {"greet", "latest"},
		"greet:v1":                         {"greet", "v1"},
		"localhost:5000/greet":             {"localhost:5000/greet", "latest"},
		"localhost:5000/greet:v1@sha256:a": {"localhost:5000/greet", "v1"},
		"r.example.com/a/b@sha256:a":       {"r.example.com/a/b", "latest"},
	} {
		if repository, tag := SplitRef(in); repository != want[0] || tag != want[1] {
			t.Errorf("%q: got %s and %s", in, repository, tag)
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"https://github.com/acme/shop.git":          "https://github.com/acme/shop",
		"https://ann:s3cret@github.com/acme/shop":   "https://github.com/acme/shop",
		"https://github.com/acme/shop?token=s3cret": "https://github.com/acme/shop",
		"git@github.com:acme/shop.git":              "https://github.com/acme/shop",
		"ssh://git@example.com:2222/shop.git":       "https://example.com/shop",
		"http://localhost:3000/shop":                "http://localhost:3000/shop",
		"/home/ann/shop":                            "",
		"file:///home/ann/shop":                     "",
		"../shop":                                   "",
		"":                                          "",
	} {
		if got := address(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzAddress keeps what identifies somebody out of images.
func FuzzAddress(f *testing.F) {
	f.Add("ann", "s3cretword", "github.com/acme/shop")
	f.Add("a:b", "s3cretword", "host:1/x?y=z#w")
	f.Fuzz(func(t *testing.T, user, password, rest string) {
		if len(password) < 8 || strings.ContainsAny(user+password, "/?#@:\\%[") || strings.Contains(rest, password) {
			return
		}
		if got := address("https://" + user + ":" + password + "@" + rest); strings.Contains(got, password) {
			t.Errorf("got %q", got)
		}
	})
}

func TestEpoch(t *testing.T) {
	for in, want := range map[string]string{"": "0001-01-01", "0": "1970-01-01", "1700000000": "2023-11-14", "-1": "", "now": "", "999999999999999": ""} {
		t.Setenv("SOURCE_DATE_EPOCH", in)
		got, err := Epoch()
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
				t.Errorf("%q: got %v", in, err)
			}
			continue
		}
		if err != nil || got.Format(time.DateOnly) != want {
			t.Errorf("%q: got %s, %v", in, got, err)
		}
	}
}

func TestAnnotations(t *testing.T) {
	at := time.Unix(1700000000, 0)
	full := Annotations("greet", "v1", Origin{Source: "https://example.com/shop", Revision: "abc"}, at)
	if diff := cmp.Diff(map[string]string{
		"org.opencontainers.image.title":    "greet",
		"org.opencontainers.image.version":  "v1",
		"org.opencontainers.image.revision": "abc",
		"org.opencontainers.image.source":   "https://example.com/shop",
		"org.opencontainers.image.created":  "2023-11-14T22:13:20Z",
	}, full); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"org.opencontainers.image.title": "greet"}, Annotations("greet", "latest", Origin{}, time.Time{})); diff != "" {
		t.Errorf("as few as can be (-want +got):\n%s", diff)
	}
}

func TestOriginOf(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed, and its answers are what is tested")
	}
	ctx := context.Background()
	dir := t.TempDir()
	if got := OriginOf(ctx, dir); got != (Origin{}) {
		t.Errorf("outside of a repository: %+v", got)
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(path string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	if got := OriginOf(ctx, dir); got != (Origin{}) {
		t.Errorf("without a commit: %+v", got)
	}
	write("main.go")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	git("remote", "add", "origin", "https://ann:s3cret@example.com/shop.git")
	want := Origin{Source: "https://example.com/shop", Revision: git("rev-parse", "HEAD")}
	write("out/index.json")
	write(".weft/bin/greet")
	if diff := cmp.Diff(want, OriginOf(ctx, dir, filepath.Join(dir, ".weft"), filepath.Join(dir, "out"), "")); diff != "" {
		t.Errorf("with what a build writes (-want +got):\n%s", diff)
	}
	want.Revision += "-dirty"
	if diff := cmp.Diff(want, OriginOf(ctx, dir)); diff != "" {
		t.Errorf("with files of the user's (-want +got):\n%s", diff)
	}
}
