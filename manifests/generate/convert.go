package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// schemaID names the schema; editors may cache by it.
const schemaID = "https://weft.dev/schema/functionmesh.json"

// definition is what of a CustomResourceDefinition counts here.
type definition struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// convert gives the schema of the definition's one version as a JSON Schema of
// draft-07, the one that editors know best.
func convert(crd []byte) ([]byte, error) {
	var d definition
	if err := yaml.Unmarshal(crd, &d); err != nil {
		return nil, err
	}
	if len(d.Spec.Versions) != 1 || d.Spec.Versions[0].Schema.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("has %d versions with a schema, not one", len(d.Spec.Versions))
	}
	v := d.Spec.Versions[0]
	root := object(v.Schema.OpenAPIV3Schema)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["$id"] = schemaID
	root["title"] = d.Spec.Names.Kind

	properties, _ := root["properties"].(map[string]any)
	if properties == nil {
		return nil, fmt.Errorf("has a schema without properties")
	}
	constant(properties, "apiVersion", d.Spec.Group+"/"+v.Name)
	constant(properties, "kind", d.Spec.Names.Kind)
	metadata(properties)
	// The controller writes the status; what an author pastes of it is not
	// looked at.
	properties["status"] = map[string]any{"type": "object", "description": "Status is what the controller saw."}
	root["required"] = []string{"apiVersion", "kind", "metadata", "spec"}

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return out.Bytes(), err
}

func constant(properties map[string]any, name, value string) {
	p, _ := properties[name].(map[string]any)
	if p == nil {
		p = make(map[string]any)
		properties[name] = p
	}
	p["const"] = value
	p["description"] = "Always " + value + "."
}

// metadata spells out what a definition leaves to the API server.
func metadata(properties map[string]any) {
	text := func(description string) map[string]any {
		return map[string]any{
			"type": "object", "description": description, "additionalProperties": map[string]any{"type": "string"},
		}
	}
	properties["metadata"] = map[string]any{
		"type":        "object",
		"description": "Metadata names the mesh (Kubernetes' ObjectMeta).",
		"required":    []string{"name"},
		"properties": map[string]any{
			"name": map[string]any{
				"type": "string", "maxLength": 52, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
				"description": "Name of the mesh: lower-case letters, digits and dashes.",
			},
			"namespace": map[string]any{
				"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
				"description": "Namespace of the mesh, default if left out.",
			},
			"labels":      text("Labels to select by."),
			"annotations": text("Annotations for tools."),
		},
	}
}

// schema converts one schema of OpenAPI v3 as Kubernetes has it.
func schema(in any) any {
	m, ok := in.(map[string]any)
	if !ok {
		return in
	}
	return object(m)
}

func object(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		switch k {
		case "properties":
			properties := make(map[string]any)
			for name, p := range v.(map[string]any) {
				properties[name] = schema(p)
			}
			out[k] = properties
		case "items", "not", "additionalProperties":
			out[k] = schema(v)
		case "anyOf", "allOf", "oneOf":
			var all []any
			for _, s := range v.([]any) {
				all = append(all, schema(s))
			}
			out[k] = all
		case "description":
			// A paragraph per line: editors wrap by themselves.
			text, _ := v.(string)
			paragraphs := strings.Split(text, "\n\n")
			for i := range paragraphs {
				paragraphs[i] = strings.ReplaceAll(paragraphs[i], "\n", " ")
			}
			out[k] = strings.Join(paragraphs, "\n")
		default:
			// Kubernetes' own extensions mean nothing to others, and its
			// formats (int32) are no formats of JSON Schema.
			if !strings.HasPrefix(k, "x-kubernetes-") && k != "format" {
				out[k] = v
			}
		}
	}
	if in["x-kubernetes-list-type"] == "set" {
		out["uniqueItems"] = true
	}
	// A structural schema drops what it does not know.
	_, properties := in["properties"]
	if properties && in["x-kubernetes-preserve-unknown-fields"] != true {
		out["additionalProperties"] = false
	}
	return out
}
