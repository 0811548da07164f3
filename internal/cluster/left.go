package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weftmesh/weft/controller/desired"
)

// made are the kinds of objects that carry a mesh's label: those that the
// controller makes, and those that are made of them in turn. Owners come before
// what they own: once they are gone, nothing of it comes anew.
var made = []kind{
	{schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "services"}, "Knative Service"},
	{schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "routes"}, "Route"},
	{schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "configurations"}, "Configuration"},
	{schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "revisions"}, "Revision"},
	{schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}, "ScaledObject"},
	{schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "triggerauthentications"}, "TriggerAuthentication"},
	{schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, "HorizontalPodAutoscaler"},
	{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Deployment"},
	{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}, "ReplicaSet"},
	pods,
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v1alpha1", Resource: "components"}, "Component"},
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v2alpha1", Resource: "subscriptions"}, "Subscription"},
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v1alpha1", Resource: "resiliencies"}, "Resiliency"},
	{schema.GroupVersionResource{Version: "v1", Resource: "services"}, "Service"},
	{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap"},
	{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret"},
	{schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "ServiceAccount"},
	{schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}, "NetworkPolicy"},
}

// Delete removes a mesh, and waits until no object with its label is left.
// Kinds that the user may not list are taken on trust.
func (c *Cluster) Delete(ctx context.Context, name string) error {
	fm, err := c.Mesh(ctx, name)
	if err != nil {
		return err
	}
	foreground := metav1.DeletePropagationForeground
	err = c.resource(meshes).Delete(ctx, name, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &fm.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return c.explain(meshes, err)
	}
	return c.waitGone(ctx, name, fm.UID)
}

// waitGone waits until a mesh that was deleted is no more, nor anything of it.
func (c *Cluster) waitGone(ctx context.Context, name string, uid types.UID) error {
	last := []string{"the FunctionMesh itself"}
	toLook := slices.Clone(made)
	err := poll(ctx, func() (bool, error) {
		left, err := c.left(ctx, name, uid, &toLook)
		if len(left) > 0 {
			last = left
		}
		return err == nil && len(left) == 0, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return &LeftError{Mesh: name, Namespace: c.namespace, Left: last}
	}
	return err
}

// left names some of what there is of a mesh that was deleted, and takes kinds
// of which nothing is left off those to look at.
func (c *Cluster) left(ctx context.Context, name string, uid types.UID, toLook *[]kind) ([]string, error) {
	fm, err := c.Mesh(ctx, name)
	var gone *MissingError
	switch {
	case errors.As(err, &gone):
	case err != nil:
		return nil, err
	case fm.UID != uid:
		return nil, nil // made anew meanwhile: what there is belongs to that one
	default:
		return []string{"the FunctionMesh itself"}, nil
	}
	for len(*toLook) > 0 {
		names, err := c.withLabel(ctx, (*toLook)[0], name)
		if err != nil || len(names) > 0 {
			return names, err
		}
		*toLook = (*toLook)[1:]
	}
	return nil, nil
}

// LeftError is a mesh that is deleted but of which something is still there.
type LeftError struct {
	Mesh, Namespace string
	// Left are some of the objects, as in "Pod shop-front-5d8".
	Left []string
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("%s is being deleted, and not yet gone: %s", e.Mesh, strings.Join(e.Left, ", "))
}

// Hint says where to look.
func (e *LeftError) Hint() string {
	return fmt.Sprintf("it goes on by itself; what holds it: kubectl get all -n %s -l %s=%s, and the finalizers of these", e.Namespace, desired.LabelMesh, e.Mesh)
}

// withLabel names objects of a kind that carry a mesh's label.
func (c *Cluster) withLabel(ctx context.Context, k kind, mesh string) ([]string, error) {
	list, err := c.resource(k).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(labels.Set{desired.LabelMesh: mesh}).String(), Limit: 3})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err): // the cluster has no such kind, or does not tell
		return nil, nil
	case err != nil:
		return nil, c.explain(k, err)
	}
	var names []string
	for _, o := range list.Items {
		names = append(names, k.name+" "+o.GetName())
	}
	return names, nil
}
