// Package scheme knows the Go types of all kinds that a mesh consists of. It is
// for those who speak to an API server; what only writes objects leaves the types
// and the libraries behind them out (internal/kinds).
package scheme

import (
	componentsv1alpha1 "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	resiliencyv1alpha1 "github.com/dapr/dapr/pkg/apis/resiliency/v1alpha1"
	subscriptionsv2alpha1 "github.com/dapr/dapr/pkg/apis/subscriptions/v2alpha1"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/weftmesh/weft/api/v1beta1"
)

// New knows all kinds that a mesh consists of.
func New() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kubescheme.AddToScheme, v1beta1.AddToScheme, servingv1.AddToScheme, kedav1alpha1.AddToScheme,
		componentsv1alpha1.AddToScheme, subscriptionsv2alpha1.AddToScheme, resiliencyv1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	return s
}
