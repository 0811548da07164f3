package cluster

import (
	"context"
	"net"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/weftmesh/weft/api/v1beta1"
)

// kind of object, under the name that the API server's paths have for it. The
// few that a mesh's files hold are known here: asking the cluster for them
// would take several requests.
type kind struct {
	schema.GroupVersionResource
	name string
}

var (
	meshes     = kind{schema.GroupVersionResource{Group: v1beta1.Group, Version: v1beta1.Version, Resource: "functionmeshes"}, v1beta1.Kind}
	namespaces = kind{schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "Namespace"}
	pods       = kind{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "Pod"}
)

// kinds that can be applied.
var kinds = []kind{
	meshes,
	{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret"},
	{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap"},
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v1alpha1", Resource: "components"}, "Component"},
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v1alpha1", Resource: "subscriptions"}, "Subscription"},
	{schema.GroupVersionResource{Group: "dapr.io", Version: "v2alpha1", Resource: "subscriptions"}, "Subscription"},
}

// resource is a kind in the namespace.
func (c *Cluster) resource(k kind) dynamic.ResourceInterface {
	return c.client.Resource(k.GroupVersionResource).Namespace(c.namespace)
}

// dialer bounds how long a connection takes to come about.
func dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialTimeout}).DialContext
}
