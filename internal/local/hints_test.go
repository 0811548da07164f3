package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/source"
)

func TestHints(t *testing.T) {
	const head = "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\n"
	for name, tc := range map[string]struct {
		reason, mesh string
		want         []string
	}{
		"plain": {
			"without an example any JSON is offered", "metadata: {name: m}\nspec: {functions: [{name: a, triggers: [{type: http, path: /a}]}]}\n",
			[]string{"curl -X POST http://x/a -H 'Content-Type: application/json' -d '{}'"},
		},
		"example": {
			"the mesh's example, on one line and safe in a shell",
			"metadata:\n  name: m\n  annotations:\n    weft.dev/example: |\n      {\"who\":\n        \"Ada's\"}\nspec: {functions: [{name: a, triggers: [{type: http, path: /a}]}]}\n",
			[]string{`curl -X POST http://x/a -H 'Content-Type: application/json' -d '{"who":"Ada'\''s"}'`},
		},
		"get": {
			"a GET has no body", "metadata: {name: m}\nspec: {functions: [{name: a, triggers: [{type: http, path: /a, methods: [GET]}]}]}\n",
			[]string{"curl -X GET http://x/a"},
		},
		"no route": {
			"without routes a linked function is invoked",
			"metadata: {name: m, annotations: {weft.dev/example: '[1]'}}\nspec: {functions: [{name: a, triggers: [{type: cron, schedule: '@hourly'}]}]}\n",
			[]string{"weft invoke a -d '[1]'"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "mesh.yaml")
			if err := os.WriteFile(file, []byte(head+tc.mesh), 0o600); err != nil {
				t.Fatal(err)
			}
			b, problems := source.Load(file, source.Options{})
			if b.Plan == nil {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tc.want, Hints(b.Plan, "http://x")); diff != "" {
				t.Errorf("%s:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLeftErrorCounts(t *testing.T) {
	for want, left := range map[string]LeftError{
		"1 event is left":                      {Events: 1},
		"1 dead letter is left":                {DeadLetters: 1},
		"2 events and 1 dead letter are left":  {Events: 2, DeadLetters: 1},
		"1 event and 30 dead letters are left": {Events: 1, DeadLetters: 30},
	} {
		if got := left.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
