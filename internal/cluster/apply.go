package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// FieldManager owns what weft deploy applies; the controller has its own.
const FieldManager = "weft-deploy"

// Change says what an apply did to an object.
type Change string

// The changes.
const (
	Created   Change = "created"
	Changed   Change = "changed"
	Unchanged Change = "unchanged"
)

// ApplyOptions say how an object is applied.
type ApplyOptions struct {
	// DryRun has the cluster check all and keep nothing.
	DryRun bool
	// Force takes over fields that other managers have set to something else;
	// without it they are a *ConflictError.
	Force bool
}

// Apply brings an object to the cluster by server-side apply, in strict mode: a
// field that the cluster does not know is an error. An object that the cluster
// does not take is an *InvalidError.
func (c *Cluster) Apply(ctx context.Context, o *unstructured.Unstructured, how ApplyOptions) (Change, error) {
	what := o.GetKind() + " " + o.GetName()
	k, ok := kindOf(o)
	if !ok {
		return "", fmt.Errorf("%s: weft deploy does not apply objects of %s", what, o.GetAPIVersion())
	}
	in := c.In(o.GetNamespace())
	o = o.DeepCopy()
	o.SetNamespace(in.namespace)
	data, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	before, err := in.resource(k).Get(ctx, o.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !unknownKind(err):
		before = nil
	case apierrors.IsForbidden(err): // who may write need not be one who may read
		before = &unstructured.Unstructured{}
	case err != nil:
		return "", fmt.Errorf("%s: %w", what, c.explain(k, err))
	}
	opts := metav1.PatchOptions{FieldManager: FieldManager, Force: &how.Force, FieldValidation: metav1.FieldValidationStrict}
	if how.DryRun {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	after, err := in.resource(k).Patch(ctx, o.GetName(), types.ApplyPatchType, data, opts)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", what, c.explain(k, err))
	case before == nil:
		return Created, nil
	case equality.Semantic.DeepEqual(content(before), content(after)):
		return Unchanged, nil
	}
	return Changed, nil
}

// content is what an object says, without what the API server notes about it.
func content(u *unstructured.Unstructured) map[string]any {
	u = u.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	delete(u.Object, "status")
	return u.Object
}

func kindOf(o *unstructured.Unstructured) (kind, bool) {
	for _, k := range kinds {
		if k.name == o.GetKind() && k.GroupVersion().String() == o.GetAPIVersion() {
			return k, true
		}
	}
	return kind{}, false
}
