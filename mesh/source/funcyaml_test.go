package source

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFileIn(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct{ reason, make, want string }{
		{"neither is there: the error names mesh.yaml", "", DefaultFile},
		{"func.yaml alone", FuncFile, FuncFile},
		{"mesh.yaml wins", DefaultFile, DefaultFile},
	} {
		if step.make != "" {
			if err := os.WriteFile(filepath.Join(dir, step.make), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := filepath.Base(FileIn(dir)); got != step.want {
			t.Errorf("%s: %s, want %s", step.reason, got, step.want)
		}
	}
}

func TestFuncYAMLStandsForAMesh(t *testing.T) {
	file := filepath.Join(t.TempDir(), FuncFile)
	if err := os.WriteFile(file, []byte("specVersion: 0.36.0\nname: hello\nruntime: go\nimage: localhost:5000/hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, problems := Load(file, Options{})
	if b.Plan == nil {
		t.Fatal(problems)
	}
	f := b.Plan.Functions[0]
	if b.Plan.Name != "hello" || f.Name != "hello" || f.Spec.Source != "." || f.Spec.Image != "localhost:5000/hello" || f.Triggers[0].Path != "/" {
		t.Errorf("%+v", f.Spec)
	}
}

func TestEnvFrom(t *testing.T) {
	b := mustLoad(t, files(t, map[string]string{
		"mesh.yaml": head + `  functions:
    - name: mail
      envFrom:
        - configMapRef: {name: settings}
        - secretRef: {name: account}
          prefix: MAIL_
        - secretRef: {name: nowhere, optional: true}
      env:
        - {name: B, value: "$(MAIL_USER) of mine"}
`,
		"local/more.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {A: a, B: b, "1no": c, MAIL_USER: from settings}
---
apiVersion: v1
kind: Secret
metadata: {name: account}
stringData: {USER: me}
`}), Options{})
	got, err := b.Environment(b.Plan.Functions[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=a", "MAIL_USER=me", "B=me of mine"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b.Plan.Functions[0].Spec.EnvFrom[2].SecretRef.Optional = nil
	if problems := b.CheckReferences(); len(problems) != 1 || problems[0].Line != 11 || problems[0].Path != "spec.functions[0].envFrom[2]" {
		t.Errorf("got %v", problems)
	}
}
