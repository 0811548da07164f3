package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A mesh that is made right after one of its name was deleted gets a Knative
// Service only once what its predecessor had is cleared away.
func TestRealClearing(t *testing.T) {
	a := connect(t)
	a.run(func(o *Options) { o.clear = time.Second })
	a.create(`
apiVersion: serving.knative.dev/v1
kind: Revision
metadata:
  name: shop-ingest-order-00001
  labels: {weft.dev/mesh: shop, serving.knative.dev/service: shop-ingest-order}
spec: {containers: [{image: a}]}
`)
	a.create(shop)
	a.eventually("the mesh waits for what is left", func() (bool, string) {
		text := conditionOf(a.mesh("shop"), ConditionReady)
		return strings.Contains(text, "Service shop-ingest-order was deleted and is still being cleared away"), text
	})
	services := a.names(kindKnativeService, "shop")
	if want := []string{"shop-validate-inventory"}; !slices.Equal(services, want) {
		t.Errorf("there are the Services %v, want %v: others do not wait", services, want)
	}
	a.delete(kindRevision, "shop-ingest-order-00001")
	a.eventually("the Service is made", func() (bool, string) {
		names := a.names(kindKnativeService, "shop")
		return slices.Contains(names, "shop-ingest-order"), fmt.Sprint(names)
	})

	// What the mesh's own Configuration has is no reason to wait.
	// (With the label of another it is not taken for one too many.)
	a.create(fmt.Sprintf(`
apiVersion: serving.knative.dev/v1
kind: Configuration
metadata:
  name: shop-ingest-order-next
  labels: {weft.dev/mesh: other}
  ownerReferences: [{apiVersion: functions.openfunction.io/v1beta1, kind: FunctionMesh, name: shop, uid: %s, controller: true}]
spec: {template: {spec: {containers: [{image: a}]}}}
`, a.mesh("shop").UID))
	a.create(fmt.Sprintf(`
apiVersion: serving.knative.dev/v1
kind: Revision
metadata:
  name: shop-ingest-order-next
  labels: {weft.dev/mesh: shop, serving.knative.dev/service: shop-ingest-order}
  ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Configuration, name: shop-ingest-order-next, uid: %s, controller: true}]
spec: {containers: [{image: a}]}
`, a.get(kindConfiguration, "shop-ingest-order-next").GetUID()))
	was := a.get(kindKnativeService, "shop-ingest-order").GetUID()
	a.delete(kindKnativeService, "shop-ingest-order")
	a.eventually("the Service is made again", func() (bool, string) {
		names := a.names(kindKnativeService, "shop")
		return slices.Contains(names, "shop-ingest-order") && a.get(kindKnativeService, "shop-ingest-order").GetUID() != was, fmt.Sprint(names)
	})
}
