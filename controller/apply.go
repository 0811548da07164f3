package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// FieldManager owns the fields that Weft sets (server-side apply).
const FieldManager = "weft"

// AnnotationApplied is on everything that is applied: a hash of what was
// desired.
const AnnotationApplied = "weft.dev/applied"

// conflictError says that an object's name is taken by someone else.
type conflictError struct{ kind, name, owner string }

func (e *conflictError) Error() string {
	return fmt.Sprintf("%s %s is there and belongs to %s: Weft leaves it alone; delete or rename it, or rename the mesh", e.kind, e.name, e.owner)
}

// applier brings objects of one mesh to the cluster.
type applier struct {
	client.Client
	// direct reads past the cache, which has labelled objects only.
	direct client.Reader
	owner  types.UID
}

// apply makes one object be as desired, and says whether that took a write. The
// annotation AnnotationApplied tells a desire that has changed, also where it
// has become less; comparing tells what others have changed.
func (a *applier) apply(ctx context.Context, want *unstructured.Unstructured) (bool, error) {
	if err := stamp(want); err != nil {
		return false, err
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(want.GroupVersionKind())
	err := a.Get(ctx, client.ObjectKeyFromObject(want), live)
	if apierrors.IsNotFound(err) {
		err = a.direct.Get(ctx, client.ObjectKeyFromObject(want), live)
	}
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return false, fmt.Errorf("read %s %s: %w", want.GetKind(), want.GetName(), err)
	default:
		if by := a.takenBy(live); by != "" {
			return false, &conflictError{want.GetKind(), want.GetName(), by}
		}
		if live.GetDeletionTimestamp() == nil && contains(live.Object, want.Object) {
			return false, nil
		}
	}
	if err := a.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return false, fmt.Errorf("apply %s %s: %w", want.GetKind(), want.GetName(), err)
	}
	return true, nil
}

// stamp notes on an object what is desired of it.
func stamp(o *unstructured.Unstructured) error {
	text, err := json.Marshal(o.Object) // keys are sorted
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
	}
	sum := sha256.Sum256(text)
	annotations := maps.Clone(o.GetAnnotations())
	if annotations == nil {
		annotations = make(map[string]string, 1)
	}
	annotations[AnnotationApplied] = hex.EncodeToString(sum[:8])
	o.SetAnnotations(annotations)
	return nil
}

// takenBy names who has an object that is not this mesh's; "" if it is.
func (a *applier) takenBy(o *unstructured.Unstructured) string {
	switch ref := metav1.GetControllerOf(o); {
	case ref == nil:
		return "nobody that Weft knows"
	case ref.UID != a.owner:
		return ref.Kind + " " + ref.Name
	}
	return ""
}

// contains says whether live has everything that want has. Maps may have more,
// which others or defaults have set; so may lists whose elements have names, as
// server-side apply merges these.
func contains(live, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		if !ok {
			return len(want) == 0 && live == nil
		}
		for key, w := range want {
			l, ok := live[key]
			if !ok || !contains(l, w) {
				return false
			}
		}
		return true
	case []any:
		live, ok := live.([]any)
		if !ok || len(live) < len(want) {
			return false
		}
		if named(want) {
			return containsNamed(live, want)
		}
		if len(live) != len(want) {
			return false
		}
		for i := range want {
			if !contains(live[i], want[i]) {
				return false
			}
		}
		return true
	default:
		return equal(live, want)
	}
}

// equal compares scalars; numbers by value, as one side may have been decoded
// from JSON and the other not.
func equal(a, b any) bool {
	x, xok := number(a)
	y, yok := number(b)
	if xok && yok {
		return x == y
	}
	return a == b
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func named(list []any) bool {
	for _, e := range list {
		m, ok := e.(map[string]any)
		if _, has := m["name"]; !ok || !has {
			return false
		}
	}
	return len(list) > 0
}

func containsNamed(live, want []any) bool {
	byName := make(map[any]any, len(live))
	for _, e := range live {
		if m, ok := e.(map[string]any); ok {
			byName[m["name"]] = m
		}
	}
	for _, w := range want {
		l, ok := byName[w.(map[string]any)["name"]]
		if !ok || !contains(l, w) {
			return false
		}
	}
	return true
}

// prune deletes what the mesh has and should not have any more.
func (a *applier) prune(ctx context.Context, have []kind, namespace, mesh string, wanted map[string]bool) error {
	var errs []error
	for _, k := range have {
		list := k.list()
		err := a.List(ctx, list, client.InNamespace(namespace), client.MatchingLabelsSelector{
			Selector: labels.SelectorFromSet(labels.Set{desired.LabelMesh: mesh}),
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("list %s: %w", k.Kind, err))
			continue
		}
		for i := range list.Items {
			o := &list.Items[i]
			if wanted[key(o)] || a.takenBy(o) != "" || o.GetDeletionTimestamp() != nil {
				continue
			}
			err := a.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: ptr(o.GetUID())})
			if client.IgnoreNotFound(err) != nil {
				errs = append(errs, fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err))
			}
		}
	}
	return errors.Join(errs...)
}

// key of an object among those of a namespace.
func key(o *unstructured.Unstructured) string {
	return o.GroupVersionKind().GroupKind().String() + "/" + o.GetName()
}

func ptr[T any](v T) *T { return &v }
