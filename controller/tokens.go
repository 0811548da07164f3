package controller

import (
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

// fillTokens gives the desired Secret a token for each function of a plan: those
// that are there, and new ones for what is missing.
func fillTokens(p *mesh.Plan, secret, live *unstructured.Unstructured) {
	var old map[string]string
	if live != nil {
		old, _, _ = unstructured.NestedStringMap(live.Object, "data") // one of another shape is no Secret
	}
	data := make(map[string]any, len(p.Functions))
	for _, key := range desired.TokenKeys(p) {
		if data[key] = old[key]; old[key] == "" {
			data[key] = base64.StdEncoding.EncodeToString([]byte(desired.NewToken()))
		}
	}
	secret.Object["data"] = data
}

// isTokens says whether an object is the mesh's Secret of tokens.
func isTokens(o *unstructured.Unstructured, p *mesh.Plan) bool {
	return o.GetAPIVersion() == "v1" && o.GetKind() == "Secret" && o.GetName() == desired.TokensName(p.Name)
}
