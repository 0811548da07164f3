package controller

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	knativekinds "github.com/weftmesh/weft/internal/kinds"
)

// gone is a cluster that has nothing.
type gone struct{ client.Client }

func (gone) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// Of what has to wait the first says when the mesh is looked at again, and what a
// mesh had that is gone is forgotten.
func TestRetiring(t *testing.T) {
	shop := types.NamespacedName{Namespace: "a", Name: "shop"}
	r := &Reconciler{client: gone{}, retire: time.Hour}
	service := kindKnativeService.object()
	service.SetName("shop-pack")
	run := &run{Reconciler: r, applied: map[string]*unstructured.Unstructured{key(service): service}, retiring: r.retiringOf(shop)}
	run.retiring["soon"] = time.Now().Add(-r.retire / 2)
	for _, uid := range []types.UID{"late", "soon", "later"} {
		o := kindConfiguration.object()
		o.SetUID(uid)
		if err := unstructured.SetNestedField(o.Object, "shop-pack", "spec", "template", "metadata", "labels", knativekinds.LabelService); err != nil {
			t.Fatal(err)
		}
		if may, err := run.retired(t.Context(), o, map[string]bool{key(service): true}); may || err != nil {
			t.Errorf("%s may go: %t, %v", uid, may, err)
		}
	}
	if run.rest <= 0 || run.rest > r.retire/2 {
		t.Errorf("the first may go in %s at most, and it is looked at in %s", r.retire/2, run.rest)
	}
	if n := len(r.retiringOf(shop)); n != 3 {
		t.Errorf("the next reconciliation knows of %d", n)
	}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: shop}); err != nil {
		t.Fatal(err)
	}
	if _, has := r.retiring.Load(shop); has {
		t.Error("the mesh is gone, and something of it stays")
	}
}
