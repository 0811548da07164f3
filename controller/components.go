package controller

import (
	"context"
	"fmt"

	componentsv1alpha1 "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
)

// components returns the Dapr components of the namespace that are no
// mesh's own, as it would declare them inline, and notes their names in others.
func (r *run) components(ctx context.Context, others map[string]bool) ([]v1beta1.Component, error) {
	if !has(r.have, kindComponent) {
		return nil, nil
	}
	list := kindComponent.list()
	if err := r.client.List(ctx, list, client.InNamespace(r.mesh.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Components: %w", err)
	}
	var beside []v1beta1.Component
	for i := range list.Items {
		o := &list.Items[i]
		if by := metav1.GetControllerOf(o); by != nil && by.Kind == v1beta1.Kind {
			continue // this mesh's own, or another's
		}
		var c componentsv1alpha1.Component
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &c); err != nil {
			return nil, fmt.Errorf("component %s: %w", o.GetName(), err)
		}
		others[c.Name] = true
		beside = append(beside, inline(&c))
	}
	return beside, nil
}

// inline is a Dapr component as a mesh writes it.
func inline(c *componentsv1alpha1.Component) v1beta1.Component {
	out := v1beta1.Component{
		Name: c.Name, Type: c.Spec.Type, Version: c.Spec.Version, IgnoreErrors: c.Spec.IgnoreErrors,
		SecretStore: c.Auth.SecretStore, Scopes: c.Scopes,
	}
	for _, m := range c.Spec.Metadata {
		item := v1beta1.ComponentMetadata{Name: m.Name, Value: m.Value.String(), EnvRef: m.EnvRef}
		if m.SecretKeyRef.Name != "" {
			item.SecretKeyRef = &v1beta1.SecretKeyRef{Name: m.SecretKeyRef.Name, Key: m.SecretKeyRef.Key}
		}
		out.Metadata = append(out.Metadata, item)
	}
	return out
}
