package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
)

// fieldManager owns what weft deploy applies; the controller has its own.
const fieldManager = "weft-deploy"

// pollEvery is how often a mesh's status is read while one waits for it.
const pollEvery = 500 * time.Millisecond

// Apply brings objects to the cluster by server-side apply, in strict mode: a
// field that the cluster does not know is an error. dryRun has the cluster
// check everything and keep nothing.
func (c *Cluster) Apply(ctx context.Context, objects []*unstructured.Unstructured, dryRun bool) error {
	opts := []client.ApplyOption{client.FieldOwner(fieldManager), client.ForceOwnership}
	if dryRun {
		opts = append(opts, client.DryRunAll)
	}
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace(c.namespace)
		}
		if err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), opts...); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), c.explain(err))
		}
	}
	return nil
}

// Wait returns once the mesh is ready in its present generation. say is told
// what has changed, in words. The error says what is missing when ctx ends.
func (c *Cluster) Wait(ctx context.Context, name string, say func(string)) (*v1beta1.FunctionMesh, error) {
	told := make(map[string]string)
	tell := func(about, text string) {
		if told[about] != text {
			told[about] = text
			say(text)
		}
	}
	var last *v1beta1.FunctionMesh
	err := wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		fm, err := c.Mesh(ctx, name)
		if err != nil {
			return false, err
		}
		last = fm
		if fm.Status.ObservedGeneration < fm.Generation {
			return false, nil
		}
		for _, f := range fm.Status.Functions {
			if f.Ready {
				tell(f.Name, f.Name+" is ready")
			} else {
				tell(f.Name, strings.TrimSuffix(fmt.Sprintf("%s: %s", f.Name, f.Message), ": "))
			}
		}
		return meta.IsStatusConditionTrue(fm.Status.Conditions, "Ready"), nil
	})
	if err == nil {
		return last, nil
	}
	if ctx.Err() == nil || last == nil {
		return last, err
	}
	if last.Status.ObservedGeneration < last.Generation {
		return last, fmt.Errorf("the controller has not looked at %s: is it running? kubectl get pods -n weft-system", name)
	}
	ready := meta.FindStatusCondition(last.Status.Conditions, "Ready")
	if ready == nil {
		ready = &metav1.Condition{Message: "the controller says nothing of it"}
	}
	return last, fmt.Errorf("%s is not ready: %s", name, ready.Message)
}

// Delete removes a mesh, and waits until nothing of it is left.
func (c *Cluster) Delete(ctx context.Context, name string) error {
	fm, err := c.Mesh(ctx, name)
	if err != nil {
		return err
	}
	if err := c.client.Delete(ctx, fm, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		return c.explain(err)
	}
	return wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		left := &v1beta1.FunctionMesh{}
		err := c.client.Get(ctx, client.ObjectKeyFromObject(fm), left)
		if client.IgnoreNotFound(err) != nil {
			return false, c.explain(err)
		}
		return err != nil || left.UID != fm.UID, nil
	})
}
