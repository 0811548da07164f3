// Package orderprocessing holds the sample to the article that it comes from.
package orderprocessing

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeshIsTheArticles compares the mesh, but for the editor's line on top,
// with the article's second file.
func TestMeshIsTheArticles(t *testing.T) {
	mesh, err := os.ReadFile("mesh.yaml")
	if err != nil {
		t.Fatal(err)
	}
	article, err := os.ReadFile("../article/file-two.yaml")
	if err != nil {
		t.Fatal(err)
	}
	editor, rest, _ := bytes.Cut(mesh, []byte("\n"))
	if !bytes.HasPrefix(editor, []byte("# yaml-language-server: $schema=")) {
		t.Errorf("the first line is %q, not the editor's", editor)
	}
	if diff := cmp.Diff(string(article), string(rest)); diff != "" {
		t.Errorf("mesh.yaml differs from the article's file (-article +mesh.yaml):\n%s", diff)
	}
}
