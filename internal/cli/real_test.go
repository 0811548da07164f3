package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/weftmesh/weft/internal/realtest"
)

// TestRealCluster runs a script per command against a real API server, with
// the definitions of Weft, Knative, KEDA and Dapr, and no controller: the
// scripts themselves say with kubectl how meshes are. $ADMIN_CONFIG is the
// kubeconfig of who may do all, $OTHER_CONFIG of someone who may do nothing.
func TestRealCluster(t *testing.T) {
	dir := realtest.Need(t, "WEFT_TEST_KUBE", "make test-real builds an API server")
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	env := &envtest.Environment{BinaryAssetsDirectory: dir, ErrorIfCRDPathMissing: true, CRDDirectoryPaths: []string{
		filepath.Join("..", "..", "manifests", "crd"), filepath.Join(dir, "crds", "dapr"), filepath.Join(dir, "crds", "keda"), filepath.Join(dir, "crds", "knative"),
	}}
	if _, err := env.Start(); err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	configs := make(map[string]string)
	for variable, user := range map[string]envtest.User{
		"ADMIN_CONFIG": {Name: "admin", Groups: []string{"system:masters"}}, "OTHER_CONFIG": {Name: "other"},
	} {
		u, err := env.AddUser(user, nil)
		if err != nil {
			t.Fatal(err)
		}
		config, err := u.KubeConfig()
		if err != nil {
			t.Fatal(err)
		}
		configs[variable] = filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(configs[variable], config, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(t *testing.T, scripts string) {
		p := params(t, filepath.Join("testdata", scripts))
		setup := p.Setup
		p.Setup = func(e *testscript.Env) error {
			for variable, file := range configs {
				e.Setenv(variable, file)
			}
			e.Setenv("KUBECONFIG", configs["ADMIN_CONFIG"])
			if err := setup(e); err != nil {
				return err
			}
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+dir)
			return nil
		}
		testscript.Run(t, p)
	}
	t.Run("installed", func(t *testing.T) { run(t, "cluster") })
	t.Run("bare", func(t *testing.T) { run(t, "bare") }) // last: it takes definitions away
}
