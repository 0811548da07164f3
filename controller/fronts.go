package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// fronts tells the pods of the mesh's front apart from those that there were
// before.
func (r *run) fronts(ctx context.Context) (string, error) {
	pods := &corev1.PodList{}
	err := r.client.List(ctx, pods, client.InNamespace(r.mesh.Namespace), client.UnsafeDisableDeepCopy,
		client.MatchingLabels{desired.LabelMesh: r.mesh.Name, desired.LabelRole: desired.RoleFront})
	if err != nil {
		return "", fmt.Errorf("list the pods of the front: %w", err)
	}
	return together(pods.Items), nil
}

// together is a short text for a set of pods; "" for none. Containers that
// start again do not change it, nor does the order.
func together(pods []corev1.Pod) string {
	var ids []string
	for _, p := range pods {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			ids = append(ids, string(p.UID))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:4])
}
