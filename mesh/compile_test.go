package mesh_test

import (
	"os"
	"testing"

	"github.com/weftmesh/weft/mesh/meshtest"
)

func TestArticle(t *testing.T) {
	for _, file := range []string{"file-one.yaml", "file-two.yaml"} {
		data, err := os.ReadFile("source/testdata/article/" + file)
		if err != nil {
			t.Fatal(err)
		}
		p := meshtest.Plan(t, string(data))
		if len(p.Functions) != 3 || len(p.Links) != 2 {
			t.Errorf("%s: got %d functions and %d links, want 3 and 2", file, len(p.Functions), len(p.Links))
		}
	}
}
