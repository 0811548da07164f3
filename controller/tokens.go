package controller

import (
	"context"
	"encoding/base64"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

// fillTokens gives the desired Secret a token for each function of a plan: those
// that are there, and new ones for what is missing.
func (r *Reconciler) fillTokens(ctx context.Context, p *mesh.Plan, secret *unstructured.Unstructured) error {
	live := core("Secret").object()
	err := r.client.Get(ctx, client.ObjectKeyFromObject(secret), live)
	if apierrors.IsNotFound(err) { // the cache may not have seen it yet
		err = r.direct.Get(ctx, client.ObjectKeyFromObject(secret), live)
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read Secret %s: %w", secret.GetName(), err)
	}
	old, _, _ := unstructured.NestedStringMap(live.Object, "data") // one of another shape is no Secret
	data := make(map[string]any, len(p.Functions))
	for _, key := range desired.TokenKeys(p) {
		if data[key] = old[key]; old[key] == "" {
			data[key] = base64.StdEncoding.EncodeToString([]byte(desired.NewToken()))
		}
	}
	secret.Object["data"] = data
	return nil
}

// isTokens says whether an object is the mesh's Secret of tokens.
func isTokens(o *unstructured.Unstructured, p *mesh.Plan) bool {
	return o.GetAPIVersion() == "v1" && o.GetKind() == "Secret" && o.GetName() == p.Name+"-tokens"
}
