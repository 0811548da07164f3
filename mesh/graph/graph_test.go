package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func plans(t *testing.T) map[string]*mesh.Plan {
	t.Helper()
	files, _ := filepath.Glob("testdata/*.yaml")
	out := make(map[string]*mesh.Plan)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(file, ".yaml")] = meshtest.Plan(t, string(data))
	}
	if len(out) == 0 {
		t.Fatal("no meshes")
	}
	return out
}

func TestGolden(t *testing.T) {
	forms := map[string]func(*mesh.Plan) string{".mermaid": Mermaid, ".dot": DOT, ".svg": SVG}
	for name, p := range plans(t) {
		for ext, form := range forms {
			got := form(p)
			if *update {
				if err := os.WriteFile(name+ext, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(name + ext)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", name+ext, diff)
			}
		}
	}
}

// Whatever a mesh holds, the picture is well-formed XML.
func TestWellFormed(t *testing.T) {
	for name, p := range plans(t) {
		dec := xml.NewDecoder(strings.NewReader(SVG(p)))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

// In a large mesh no boxes overlap, edges run from left to right, and the
// drawing is the same each time.
func TestLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString("spec:\n  functions:\n")
	const functions = 200
	for i := range functions {
		fmt.Fprintf(&text, "  - {name: f%d, triggers: [{type: rpc}]}\n", i)
	}
	text.WriteString("  connections:\n")
	for i := range functions {
		for j := range 2 {
			to := (i + 1 + random.IntN(20)) % functions
			fmt.Fprintf(&text, "  - {from: f%d, to: f%d, condition: 'result.n == %d'}\n", i, to, j)
		}
	}
	p := meshtest.Plan(t, text.String())
	if first, second := SVG(p), SVG(p); first != second {
		t.Error("two drawings differ")
	}
	g := arrange(p)
	for _, layer := range g.layers {
		for i := 1; i < len(layer); i++ {
			if a, b := layer[i-1], layer[i]; b.y-a.y < distance(a, b)-.01 {
				t.Errorf("%s and %s are %.1f apart", a.name, b.name, b.y-a.y)
			}
		}
	}
	for _, e := range g.edges {
		for i := 1; i < len(e.chain); i++ {
			if e.chain[i].layer != e.chain[i-1].layer+1 {
				t.Errorf("an edge from %s to %s leaps a layer", e.from.name, e.to.name)
			}
		}
	}
}
