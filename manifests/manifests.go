// Package manifests carries what other tools read about a FunctionMesh: the
// custom resource definition, and the JSON Schema made from it for editors.
// hack/generate.sh writes both.
package manifests

import _ "embed"

// Schema is the JSON Schema (draft-07) of a mesh file.
//
//go:embed schema/functionmesh.json
var Schema []byte

// CRD is the CustomResourceDefinition of FunctionMesh, as YAML.
//
//go:embed crd/functions.openfunction.io_functionmeshes.yaml
var CRD []byte
