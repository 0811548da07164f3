// Package meshtest makes plans for the tests of packages that need one.
package meshtest

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Plan compiles the mesh that text describes. apiVersion, kind and
// metadata.name ("test") may be left out. Any error fails the test.
func Plan(t testing.TB, text string) *mesh.Plan {
	t.Helper()
	fm := &v1beta1.FunctionMesh{}
	if err := yaml.UnmarshalStrict([]byte(text), fm); err != nil {
		t.Fatalf("decode the mesh: %v", err)
	}
	if fm.Name == "" {
		fm.Name = "test"
	}
	plan, problems := mesh.Compile(fm)
	if err := problems.Err(); err != nil {
		t.Fatalf("compile the mesh: %v", err)
	}
	return plan
}
