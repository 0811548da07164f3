package source

import (
	"io/fs"
	"os"
	"testing"
)

// FuzzFuncYAML reads anything as a func.yaml, alone and beside a mesh: there is
// a plan or an error, and each problem is of the file.
func FuzzFuncYAML(f *testing.F) {
	f.Add("specVersion: 0.36.0\nname: greet\nruntime: go\nrun: {envs: [{name: A, value: '{{ env:HOME }}'}, {value: '{{ secret:x }}'}]}\n")
	f.Add("name: a\ndeploy: {options: {scale: {min: 1, target: 1e9, utilization: .inf}, resources: {limits: {concurrency: 3}}}, labels: [{key: a}]}\n")
	f.Add("specVersion: 0.1.0\nname: [a]\nenvs: &x [*x]\nbuild: {<<: {builder: pack}}\n")
	f.Add("name: a\nbuild: {buildEnvs: [{name: A, value: 1}]}\n---\nname: b\n")
	mesh := head + "  functions: [{name: f, source: ., env: [{name: A}], build: {env: []}}]\n"
	f.Fuzz(func(t *testing.T, text string) {
		read := func(path string) ([]byte, error) {
			switch path {
			case FuncFile:
				return []byte(text), nil
			case DefaultFile:
				return []byte(mesh), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
		}
		none := func(string) ([]string, error) { return nil, nil }
		for _, file := range []string{FuncFile, DefaultFile} {
			b, problems := load(file, Options{}, read, none)
			if (b.Plan == nil) != (problems.Err() != nil) {
				t.Errorf("plan %v with error %v", b.Plan, problems.Err())
			}
			for _, p := range problems {
				if p.File != FuncFile && p.File != DefaultFile {
					t.Errorf("a problem of %q: %s", p.File, p)
				}
			}
		}
	})
}
