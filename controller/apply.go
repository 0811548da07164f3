package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

// FieldManager owns the fields that Weft sets (server-side apply).
const FieldManager = "weft"

// AnnotationApplied is on everything that is applied: a hash of what was
// desired.
const AnnotationApplied = "weft.dev/applied"

// versionOfNone is a resourceVersion that no object has. Applied with it, an
// object is made if there is none of its name; if there is one the API server
// says conflict and leaves it alone. So that a name is free need not be asked
// first.
const versionOfNone = "1"

// conflictError says that an object's name is taken by someone else; without an
// owner, that what had the name is still being cleared away.
type conflictError struct{ kind, name, owner string }

func (e *conflictError) Error() string {
	if e.owner == "" {
		return fmt.Sprintf("%s %s was deleted and is still being cleared away; it is made after that", e.kind, e.name)
	}
	return fmt.Sprintf("%s %s is there and belongs to %s: Weft leaves it alone; delete or rename it, or rename the mesh", e.kind, e.name, e.owner)
}

// applier brings objects of one mesh to the cluster.
type applier struct {
	client.Client
	// direct reads past the cache, which has labelled objects only.
	direct client.Reader
	mesh   *v1beta1.FunctionMesh
	// replaced is told of an object that had to go to become what is desired.
	replaced func(kind, name, why string)
}

// apply makes one object be as desired. It gives the object as it is then on
// the cluster, and says whether that took a write. The annotation
// AnnotationApplied tells a desire that has changed, also where it has become
// less; comparing tells what others have changed. complete, if it is not nil,
// adds to what is desired what depends on the object that is there, or nil.
func (a *applier) apply(ctx context.Context, want *unstructured.Unstructured, complete func(live *unstructured.Unstructured)) (now *unstructured.Unstructured, wrote bool, err error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(want.GroupVersionKind())
	err = a.Get(ctx, client.ObjectKeyFromObject(want), live)
	if apierrors.IsNotFound(err) {
		now, err = a.create(ctx, want, nil, complete)
		if !apierrors.IsConflict(err) {
			return now, err == nil, failedTo("make", want, err)
		}
		if err = a.direct.Get(ctx, client.ObjectKeyFromObject(want), live); apierrors.IsNotFound(err) {
			return nil, false, fmt.Errorf("%s %s has just gone; it is made at the next attempt", want.GetKind(), want.GetName())
		}
	}
	if err != nil {
		return nil, false, failedTo("read", want, err)
	}
	if live, err = unpacked(live); err != nil {
		return nil, false, err
	}
	if by := a.takenBy(live); by != "" {
		return nil, false, &conflictError{want.GetKind(), want.GetName(), by}
	}
	if live.GetDeletionTimestamp() != nil {
		return live, false, nil // once it has gone we are told, and it is made anew
	}
	now, err = finished(want, live, complete)
	if err != nil {
		return nil, false, err
	}
	if contains(live.Object, now.Object, exact(want)) {
		return live, false, nil
	}
	err = a.Apply(ctx, client.ApplyConfigurationFromUnstructured(now), client.FieldOwner(FieldManager), client.ForceOwnership)
	if immutable(err) && replaceable[want.GetKind()] {
		return a.replace(ctx, want, live, complete, err)
	}
	return now, err == nil, failedTo("apply", want, err)
}

// create makes an object that is not there; there is one if the error is a
// conflict. was is the one that it comes in the place of, or nil.
func (a *applier) create(ctx context.Context, want, was *unstructured.Unstructured, complete func(*unstructured.Unstructured)) (*unstructured.Unstructured, error) {
	now, err := finished(want, was, complete)
	if err != nil {
		return nil, err
	}
	now.SetResourceVersion(versionOfNone)
	return now, a.Apply(ctx, client.ApplyConfigurationFromUnstructured(now), client.FieldOwner(FieldManager), client.ForceOwnership)
}

// replaceable are kinds that may go and come back where a field of theirs
// cannot change. Of others, such as a Knative Service with its revisions, too
// much would go with them.
var replaceable = map[string]bool{"Deployment": true, "Service": true, "Secret": true, "ConfigMap": true}

// immutable says whether the API server refused to change a field.
func immutable(err error) bool {
	return apierrors.IsInvalid(err) && (strings.Contains(err.Error(), "immutable") || strings.Contains(err.Error(), "cannot change"))
}

// replace deletes an object of ours and makes it anew.
func (a *applier) replace(ctx context.Context, want, live *unstructured.Unstructured, complete func(*unstructured.Unstructured), why error) (*unstructured.Unstructured, bool, error) {
	if err := a.remove(ctx, live); err != nil {
		return nil, false, err
	}
	a.replaced(want.GetKind(), want.GetName(), why.Error())
	now, err := a.create(ctx, want, live, complete)
	return now, err == nil, failedTo("make", want, err)
}

func (a *applier) remove(ctx context.Context, o *unstructured.Unstructured) error {
	err := a.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: ptr(o.GetUID())})
	return failedTo("delete", o, client.IgnoreNotFound(err))
}

func failedTo(do string, o *unstructured.Unstructured, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s %s: %w", do, o.GetKind(), o.GetName(), err)
}

// finished is what is desired, with what depends on the object that is there and
// a note of it all.
func finished(want, live *unstructured.Unstructured, complete func(*unstructured.Unstructured)) (*unstructured.Unstructured, error) {
	if complete != nil {
		complete(live)
	}
	text, err := json.Marshal(want.Object) // keys are sorted
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", want.GetKind(), want.GetName(), err)
	}
	sum := sha256.Sum256(text)
	o := want.DeepCopy()
	annotations := maps.Clone(o.GetAnnotations())
	if annotations == nil {
		annotations = make(map[string]string, 1)
	}
	annotations[AnnotationApplied] = hex.EncodeToString(sum[:8])
	o.SetAnnotations(annotations)
	return o, nil
}

// takenBy names who has an object that is not this mesh's; "" if it is.
func (a *applier) takenBy(o *unstructured.Unstructured) string {
	switch ref := metav1.GetControllerOf(o); {
	case ref == nil:
		return "nobody that Weft knows"
	case ref.UID == a.mesh.UID:
		return ""
	case ref.Kind == v1beta1.Kind && ref.Name == a.mesh.Name:
		return "an earlier mesh of this name, which is being cleared away"
	default:
		return ref.Kind + " " + ref.Name
	}
}

// prune deletes what the mesh has and should not have any more, unless may says
// that it has to wait.
func (a *applier) prune(ctx context.Context, have []kind, wanted map[string]bool, may func(*unstructured.Unstructured) (bool, error)) error {
	var errs []error
	for _, k := range have {
		if k.readOnly {
			continue
		}
		list := k.list()
		err := a.List(ctx, list, client.InNamespace(a.mesh.Namespace), client.UnsafeDisableDeepCopy, client.MatchingLabelsSelector{
			Selector: labels.SelectorFromSet(labels.Set{desired.LabelMesh: a.mesh.Name}),
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
			whole, err := unpacked(o)
			now := false
			if err == nil {
				now, err = may(whole)
			}
			if now {
				err = a.remove(ctx, o.DeepCopy())
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// key of an object among those of a namespace.
func key(o *unstructured.Unstructured) string {
	return o.GroupVersionKind().GroupKind().String() + "/" + o.GetName()
}

func ptr[T any](v T) *T { return &v }
