package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestTemplate(t *testing.T) {
	c := &charter{values: make(map[string]string)}
	replicas := func(_ string, doc *yaml.Node) (err error) {
		c.values["replicas"], err = c.set(doc, "{{ .Values.replicas }}", "spec", "replicas")
		return err
	}
	cases := map[string]struct {
		reason, in, want, fails string
		edit                    func(string, *yaml.Node) error
	}{
		"Value": {
			reason: "an expression takes a value's place, and the rest stays, with its comments",
			in:     "# About it.\nkind: A\nspec:\n  replicas: 3\n  b: [c]\n", edit: replicas,
			want: "# About it.\nkind: A\nspec:\n  replicas: {{ .Values.replicas }}\n  b: [c]\n",
		},
		"Documents": {
			reason: "each document is edited", edit: c.account,
			in:   "---\nkind: ClusterRole\nmetadata: {name: a}\n---\nkind: Role\nmetadata:\n  name: a\n",
			want: "kind: ClusterRole\nmetadata: {name: a}\n---\nkind: Role\nmetadata:\n  name: a\n  namespace: {{ .Release.Namespace }}\n",
		},
		"Gone": {
			reason: "a manifest that no longer has the place is an error, not a chart without the value",
			in:     "kind: A\nspec: {}\n", edit: replicas, fails: "A: there is no [spec replicas]",
		},
		"Braces": {
			reason: "what a template would take for an expression cannot be in a chart",
			in:     "kind: A\nspec: {replicas: 1, a: \"{{ x }}\"}\n", edit: replicas, fails: "has {{",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.template([]byte(tc.in), tc.edit)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("%s: got %v", tc.reason, err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", tc.reason, err, diff)
			}
		})
	}
	if c.values["replicas"] != "3" && c.values["replicas"] != "1" {
		t.Errorf("the default is %q", c.values["replicas"])
	}
	if _, err := c.fill("a: ${nothing}"); err == nil {
		t.Error("a value that no manifest has is no error")
	}
}
