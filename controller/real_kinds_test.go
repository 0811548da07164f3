package controller

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// remove has the API server forget a definition, and all objects of its kind.
func (a *api) remove(crds ...string) {
	a.t.Helper()
	for _, project := range projects {
		delete(server.installed, filepath.Join(kubeDir(), "crds", project))
	}
	for _, name := range crds {
		crd := &metav1.PartialObjectMetadata{}
		crd.SetGroupVersionKind(kindCRD)
		crd.SetName(name)
		if err := client.IgnoreNotFound(a.Delete(a.t.Context(), crd)); err != nil {
			a.t.Fatal(err)
		}
		a.eventually(name+" has gone", func() (bool, string) {
			err := a.Get(a.t.Context(), client.ObjectKey{Name: name}, crd)
			return apierrors.IsNotFound(err), fmt.Sprint(err)
		})
	}
}

// What the cluster does not know is a condition that says how to install it, the
// rest is there, and it is made once the cluster knows it: also when a controller
// was there all the time, and when what it watched went.
func TestRealKinds(t *testing.T) {
	a := connect(t)
	var all []string
	for _, k := range kinds {
		if k.crd != "" {
			all = append(all, k.crd)
		}
	}
	a.remove(all...)
	t.Cleanup(func() { // they are for other tests too
		for _, project := range projects {
			a.install(filepath.Join(kubeDir(), "crds", project))
		}
	})
	a.run()
	a.create(shop)
	ways := map[string]struct{ condition, url string }{
		"knative": {desired.TypeKnativeInstalled, "https://knative.dev/docs/install"},
		"keda":    {desired.TypeKEDAInstalled, "https://keda.sh/docs/latest/deploy"},
		"dapr":    {desired.TypeDaprInstalled, "https://docs.dapr.io/operations/hosting/kubernetes"},
	}
	missing := func(project string) {
		t.Helper()
		if said := a.says("shop", ways[project].condition, "False"); !strings.Contains(said, ways[project].url) {
			t.Errorf("of %s it says %s", project, said)
		}
	}
	a.applied("shop")
	for _, project := range projects {
		missing(project)
	}
	if got := fmt.Sprint(a.names(kindDeployment, "shop")); got != "[shop-dispatcher shop-front shop-notify-user]" {
		t.Errorf("there are Deployments %s", got)
	}
	for i, project := range projects {
		a.install(filepath.Join(kubeDir(), "crds", project))
		a.says("shop", ways[project].condition, "")
		a.applied("shop")
		for _, other := range projects[i+1:] {
			missing(other)
		}
	}
	whole := len(a.versions("shop"))
	if whole < 22 {
		t.Errorf("there are %d objects: %v", whole, a.versions("shop"))
	}
	for _, k := range kinds {
		if k.crd == "" {
			continue
		}
		project := map[string]string{kindKnativeService.Group: "knative", kindScaledObject.Group: "keda", kindComponent.Group: "dapr"}[k.Group]
		t.Run(k.crd, func(t *testing.T) {
			a.remove(k.crd)
			missing(project)
			a.says("shop", ConditionApplied, "True")
			a.install(filepath.Join(kubeDir(), "crds", project))
			a.says("shop", ways[project].condition, "")
			a.eventually("all objects are there again", func() (bool, string) {
				got := a.versions("shop")
				return len(got) == whole, fmt.Sprint(got)
			})
		})
	}
	// It is watched as before.
	a.delete(kindKnativeService, "shop-ingest-order")
	a.eventually("drift is mended", func() (bool, string) {
		got := a.names(kindKnativeService, "shop")
		return len(got) == 2, fmt.Sprint(got)
	})
}
