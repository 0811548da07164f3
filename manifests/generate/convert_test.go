package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = `
spec:
  group: example.org
  names: {kind: Thing}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          apiVersion: {type: string}
`

func TestConvert(t *testing.T) {
	cases := map[string]struct{ reason, in, want string }{
		"Object": {
			"unknown fields are an error, Kubernetes' extensions are dropped, line breaks are the editor's",
			`{type: object, description: "a\nb\n\nc", x-kubernetes-map-type: atomic, properties: {count: {type: integer, format: int32, minimum: 1}}}`,
			`{"type": "object", "description": "a b\nc", "additionalProperties": false, "properties": {"count": {"type": "integer", "minimum": 1}}}`,
		},
		"Free": {
			"what keeps unknown fields takes any",
			`{x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}`,
			`{"properties": {"a": {"type": "string"}}}`,
		},
		"Set": {
			"a set holds each item once",
			`{type: array, x-kubernetes-list-type: set, items: {type: string, format: byte}}`,
			`{"type": "array", "uniqueItems": true, "items": {"type": "string"}}`,
		},
		"IntOrString": {
			"a quantity is a number or text",
			`{anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true, pattern: "^a$"}`,
			`{"anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^a$"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := convert([]byte(head + "          spec: " + tc.in))
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Properties map[string]any `json:"properties"`
			}
			var want any
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Properties["spec"]); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if got := got.Properties["apiVersion"].(map[string]any)["const"]; got != "example.org/v1" {
				t.Errorf("apiVersion is %v", got)
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	for name, crd := range map[string]string{"Empty": "", "NoYAML": "\t", "NoSchema": "spec: {versions: [{name: v1}]}"} {
		if _, err := convert([]byte(crd)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
