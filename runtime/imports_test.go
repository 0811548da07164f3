package runtime_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/runtime/internal/names"
)

// banned lists what no function's binary may hold, and why.
var banned = map[string]string{
	"k8s.io/":                                 "a function knows nothing of Kubernetes, and client libraries weigh tens of megabytes",
	"sigs.k8s.io/":                            "as k8s.io",
	"knative.dev/":                            "a function runs on either engine",
	"github.com/kedacore/":                    "a function runs on either engine",
	"github.com/google/go-containerregistry":  "images are the builder's business",
	"github.com/dapr/":                        "only a function that uses state, pubsub, binding or secret pays for it",
	"google.golang.org/grpc":                  "as dapr",
	"google.golang.org/protobuf":              "as gRPC",
	"github.com/nats-io/":                     "only a function that uses rpc pays for it",
	"github.com/spf13/":                       "a function has no command line",
	"go.uber.org/":                            "logging is log/slog",
	"github.com/weftmesh/weft/api":            "it imports k8s.io",
	"github.com/weftmesh/weft/mesh":           "it imports k8s.io",
	"github.com/weftmesh/weft/bindings":       "it imports NATS",
	"github.com/weftmesh/weft/internal/local": "the engine is no part of a function",
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./fn", "./host", "./fntest").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dep := range strings.Lines(string(out)) {
		for prefix, reason := range banned {
			if strings.HasPrefix(dep, prefix) {
				t.Errorf("runtime imports %s: %s", strings.TrimSpace(dep), reason)
			}
		}
	}
}

// maxHello bounds the binary of a function that says hello, in bytes.
const maxHello = 12_000_000

func TestHelloIsSmall(t *testing.T) {
	for name, flags := range map[string][]string{"as built": nil, "stripped": {"-trimpath", "-ldflags=-s -w"}} {
		t.Run(name, func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), "hello")
			cmd := exec.Command("go", append(append([]string{"build", "-o", bin}, flags...), "./testdata/hello")...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			info, err := os.Stat(bin)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("hello is %.1f MB", float64(info.Size())/1e6)
			if info.Size() > maxHello {
				t.Errorf("hello is %d bytes, more than %d: see what the last import brought with go version -m and go tool nm -size", info.Size(), maxHello)
			}
		})
	}
}

func TestNamesAgree(t *testing.T) {
	for _, name := range []string{
		"ingestOrder", "IngestOrder", "ingest_order", "ingest-order", "parseJSONBody", "a1B2", "JSON", "x", "", "_", "--a__b--", "aB_C", "HTTPServer2Go", "öÄ", "A-",
	} {
		if got, want := names.Kebab(name), v1beta1.KubeName(name); got != want {
			t.Errorf("names.Kebab(%q) = %q, and the mesh says %q", name, got, want)
		}
	}
}

func FuzzNamesAgree(f *testing.F) {
	f.Add("ingestOrder")
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := names.Kebab(name), v1beta1.KubeName(name); got != want {
			t.Errorf("names.Kebab(%q) = %q, and the mesh says %q", name, got, want)
		}
	})
}
