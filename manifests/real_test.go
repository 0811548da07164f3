package manifests_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/internal/realtest"
)

// objects runs a program of a cluster and gives the objects that it prints, by
// kind and name.
func objects(t *testing.T, program string, args ...string) map[string]map[string]any {
	t.Helper()
	dir := realtest.Need(t, "WEFT_TEST_KUBE", "it names a directory with kubectl and helm: make test-real builds them")
	out, err := exec.Command(filepath.Join(dir, program), args...).Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			t.Logf("%s", e.Stderr)
		}
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	all := make(map[string]map[string]any)
	for _, doc := range regexp.MustCompile(`(?m)^---.*$`).Split(string(out), -1) {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatal(err)
		}
		if o == nil || o["kind"] == "Namespace" { // helm makes that of a release itself
			continue
		}
		name := o["kind"].(string) + " " + o["metadata"].(map[string]any)["name"].(string)
		if all[name] != nil {
			t.Errorf("%s prints %s twice", program, name)
		}
		all[name] = o
	}
	return all
}

const definition = "CustomResourceDefinition functionmeshes.functions.openfunction.io"

// The chart with its defaults is base, and what a value says changes what the
// overlay changes.
func TestRealChart(t *testing.T) {
	cases := map[string]struct {
		reason, kustomization string
		values                []string
	}{
		"Defaults": {"nothing said is base", "base", nil},
		"NATS":     {"with a NATS server of its own it is that overlay", "overlays/nats", []string{"--set", "nats.install=true"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := objects(t, "kubectl", "kustomize", tc.kustomization)
			got := objects(t, "helm", append([]string{"template", "weft", "chart", "--namespace", "weft-system", "--set", "crd.keep=false"}, tc.values...)...)
			for object := range want {
				if diff := cmp.Diff(want[object], got[object]); diff != "" {
					t.Errorf("%s: %s: -kustomize +helm:\n%s", tc.reason, object, diff)
				}
				delete(got, object)
			}
			for object := range got {
				t.Errorf("%s: helm prints %s too", tc.reason, object)
			}
			if len(want) < 8 || want[definition] == nil {
				t.Errorf("there are %d objects", len(want))
			}
		})
	}
	t.Run("Values", func(t *testing.T) {
		got := objects(t, "helm", "template", "weft", "chart", "--namespace", "other",
			"--set", "replicas=2,nats.url=nats://n:4222,images.dataplane=a/b@sha256:c,crd.install=false,imagePullSecrets[0].name=s,extraArgs[0]=--concurrent=9,resources.limits.memory=1Gi")
		if got[definition] != nil {
			t.Error("the definition is there although the release is to have none")
		}
		d := got["Deployment weft-controller"]
		text, err := yaml.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"namespace: other", "replicas: 2", "value: nats://n:4222", "value: a/b@sha256:c", "- --concurrent=9", "memory: 1Gi", "imagePullSecrets:\n      - name: s",
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the Deployment has no %q:\n%s", want, text)
			}
		}
	})
	t.Run("Keep", func(t *testing.T) {
		got := objects(t, "helm", "template", "weft", "chart")[definition]
		annotations, _ := got["metadata"].(map[string]any)["annotations"].(map[string]any)
		if annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("helm uninstall would delete all meshes: %v", annotations)
		}
	})
}
