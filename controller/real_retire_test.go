package controller

import (
	"fmt"
	"testing"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

// The revision of an image that gets no share of the traffic any more stays as
// long as calls may be sent there.
func TestRealRetire(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(shop)
	a.change("shop", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Functions[0].Traffic = []v1beta1.TrafficTarget{{Image: "example.com/ingest:v2", Percent: 20, Tag: "next"}}
	})
	a.applied("shop")
	var names []string
	a.eventually("there is a Configuration", func() (bool, string) {
		names = a.names(kindConfiguration, "shop")
		return len(names) == 1, fmt.Sprint(names)
	})
	template := a.get(kindConfiguration, names[0]).Object["spec"].(map[string]any)["template"].(map[string]any)
	revision := template["metadata"].(map[string]any)["name"]
	share := fmt.Sprintf("traffic: [{revisionName: %v, percent: 20}]", revision)
	a.report(kindKnativeService, "shop-ingest-order", share)
	a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[0].Traffic = nil })
	a.applied("shop")
	stays := func(why string) {
		t.Helper()
		// A change of another function is looked at after all that came before.
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[1].Image += "x" })
		a.applied("shop")
		if got := a.names(kindConfiguration, "shop"); len(got) != 1 {
			t.Fatalf("%s, and there are the Configurations %v", why, got)
		}
	}
	stays("Knative has not looked at the Service yet")
	a.report(kindKnativeService, "shop-ingest-order", share)
	stays("Knative has not changed the Route yet")
	a.report(kindKnativeService, "shop-ingest-order", "traffic: [{revisionName: shop-ingest-order-00002, percent: 100}]")
	a.eventually("the Configuration goes", func() (bool, string) {
		got := a.names(kindConfiguration, "shop")
		return len(got) == 0, fmt.Sprint(got)
	})
}

// A function that loses its image in the mesh goes on with the one that it has;
// one that the mesh does not have any more goes.
func TestRealHalted(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(shop)
	a.applied("shop")
	before := a.versions("shop")
	a.change("shop", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Functions[0].Image, fm.Spec.Functions[2].Image = "", "" // with either scaler
	})
	a.applied("shop")
	a.says("shop", desired.TypeRunnable, "False NoImage")
	if after := a.versions("shop"); len(after) != len(before) {
		t.Errorf("there were %v, and there are %v", before, after)
	}
	a.change("shop", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Functions, fm.Spec.Connections = fm.Spec.Functions[:1], nil
	})
	a.applied("shop")
	if got := fmt.Sprint(a.names(kindKnativeService, "shop"), a.names(kindDeployment, "shop")); got != "[shop-ingest-order] [shop-front]" {
		t.Errorf("there are %s", got)
	}
}
