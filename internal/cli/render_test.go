package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/cli"
)

// TestRender holds what is printed for the samples, and for a mesh with one of
// everything, to the files of testdata/render: <name>.yaml, and <name>.txt for
// what is told beside it. -update writes them.
func TestRender(t *testing.T) {
	root := filepath.Join("..", "..")
	dir := filepath.Join(root, "testdata", "render")
	for name, c := range map[string]struct {
		reason string
		args   []string
		code   int
	}{
		"article-one": {reason: "the article's first file, as it is", args: []string{"-f", "samples/article/file-one.yaml"}},
		"article-two": {reason: "the article's second file, as it is", args: []string{"-f", "samples/article/file-two.yaml"}},
		"article-zero": {reason: "the article's first file, down to zero",
			args: []string{"-f", "samples/article/file-one.yaml", "--set", "spec.policies.scaling.minReplicas=0"}},
		"order-processing": {reason: "what stands beside the mesh is used as it is", args: []string{"-f", "samples/order-processing"}},
		"fan-out-join": {reason: "the digests of a build are pinned",
			args: []string{"-f", "samples/fan-out-join", "--images", "testdata/render/images/fan-out-join.json"}},
		"everything": {reason: "one of everything; one function cannot run", args: []string{"-f", "testdata/render/everything"}, code: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(root)
			args := append([]string{"weft", "render", "--dataplane", "registry.example/weft-dataplane:v1"}, c.args...)
			var first bytes.Buffer
			for range 2 {
				var out, errs bytes.Buffer
				code := cli.Main(context.Background(), args, cli.Stdio{In: strings.NewReader(""), Out: &out, Err: &errs})
				if code != c.code {
					t.Fatalf("exit code %d, want %d: %s\n%s", code, c.code, c.reason, &errs)
				}
				golden(t, filepath.Join("testdata", "render", name+".yaml"), out.String())
				golden(t, filepath.Join("testdata", "render", name+".txt"), errs.String())
				if first.Len() > 0 && first.String() != out.String() {
					t.Error("the same mesh gives another text the second time")
				}
				first = out
			}
		})
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.yaml")); err != nil || len(files) == 0 {
		t.Errorf("there are no golden files in %s", dir)
	}
}

// golden compares text with a file, or writes it.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s, -want +got (write it with -update):\n%s", file, diff)
	}
}
