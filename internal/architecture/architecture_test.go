package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weftmesh/weft"

// level of the packages under a path. A package may import those of its own
// level and of lower ones. The longest path that fits counts.
var levels = map[string]int{
	"cmd":                   90,
	"internal/cli":          80,
	"controller":            70,
	"internal/local":        70,
	"internal/dataplane":    70,
	"internal/cluster":      75,
	"internal/doctor":       70,
	"internal/dashboard":    65,
	"builder":               60,
	"bindings/components":   48,
	"bindings":              50,
	"scalers":               50,
	"mesh/gateway":          45,
	"mesh/rpc":              45,
	"internal/telemetry":    44,
	"internal/adminserver":  46,
	"mesh/delivery":         40,
	"mesh/source":           40,
	"mesh/graph":            40,
	"mesh":                  30,
	"mesh/meshtest":         40,
	"api":                   20,
	"manifests":             25,
	"runtime":               10,
	"internal/wire":         2,
	"internal/contract":     1,
	"internal/kinds":        1,
	"internal/adminapi":     1,
	"internal/pages":        1,
	"internal/realtest":     1,
	"internal/version":      1,
	"samples":               100,
	"hack":                  110,
	"internal/architecture": 0,
}

// free packages belong to no level: nothing imports them but tests.
var free = []string{"internal/architecture", "testdata"}

// banned imports, direct or through others, and why.
var banned = []struct {
	packages, imports, reason string
}{
	{"runtime", "k8s.io", "a function runs without Kubernetes, and its binary stays small"},
	{"runtime", "sigs.k8s.io", "a function runs without Kubernetes, and its binary stays small"},
	{"runtime", "github.com/kedacore", "scaling is the engine's matter"},
	{"runtime", "github.com/google/go-containerregistry", "images are the builder's matter"},
	{"runtime", "github.com/google/cel-go", "conditions are evaluated where events are routed"},
	{"runtime/fn", "google.golang.org/grpc", "a hello function is a small binary"},
	{"runtime/fn", "github.com/nats-io", "a hello function is a small binary"},
	{"runtime", module + "/mesh", "a function does not know the mesh it is in"},
	{"runtime", module + "/api", "a function does not know the mesh it is in"},
	{"samples/order-processing/functions/ingest-order", "google.golang.org/grpc", "it calls no component: its binary stays small and starts at once"},
	{"mesh", "net/http/httptest", "test code stays in tests"},
	{"internal/cli", "github.com/kedacore", "its types take as much memory as all else, in every process of weft"},
	{"internal/cli", "sigs.k8s.io/controller-runtime", "its client links the types of all of Kubernetes, in every process of weft"},
	{"internal/cli", "k8s.io/client-go/kubernetes", "it links the types of all of Kubernetes, in every process of weft"},
	{"internal/cli", "knative.dev/serving", "its types take memory in every process of weft"},
	{"api", module + "/mesh", "the types stand alone"},
	{"api", "github.com/nats-io", "the types stand alone"},
	{"api", "sigs.k8s.io/controller-runtime", "the types stand alone"},
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Doc string
	GoFiles         []string
	Imports, Deps   []string
}

// short is the path within the module; "" for the root.
func (p pkg) short() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,GoFiles,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// under says whether path is base or lies below it.
func under(path, base string) bool {
	return path == base || strings.HasPrefix(path, base+"/")
}

func level(short string) (int, bool) {
	best := ""
	for base := range levels {
		if under(short, base) && len(base) > len(best) {
			best = base
		}
	}
	n, ok := levels[best]
	return n, ok
}

func TestDirectionOfImports(t *testing.T) {
	for _, p := range packages(t) {
		if p.short() == "" || slices.ContainsFunc(free, func(f string) bool { return under(p.short(), f) }) {
			continue
		}
		own, ok := level(p.short())
		if !ok {
			t.Errorf("%s is at no level: give it one in levels", p.short())
			continue
		}
		for _, imp := range p.Imports {
			short, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			switch l, ok := level(short); {
			case !ok:
				t.Errorf("%s imports %s, which is at no level", p.short(), short)
			case l > own:
				t.Errorf("%s (level %d) imports %s (level %d): dependencies run the other way", p.short(), own, short, l)
			case under(short, "samples") && !under(p.short(), "samples") && !under(p.short(), "hack"):
				t.Errorf("%s imports %s: only samples and hack may", p.short(), short)
			case under(short, "runtime") && l != own && own < 90:
				t.Errorf("%s imports %s: engine and function share no code but internal/contract and internal/wire", p.short(), short)
			case under(p.short(), "samples") && !under(short, "samples") && !under(short, "runtime"):
				t.Errorf("%s imports %s: a sample uses what its readers can use, runtime/", p.short(), short)
			}
		}
	}
}

func TestBannedImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range banned {
			if !under(p.short(), b.packages) {
				continue
			}
			for _, dep := range p.Deps {
				if under(dep, b.imports) {
					t.Errorf("%s depends on %s: %s", p.short(), dep, b.reason)
				}
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
