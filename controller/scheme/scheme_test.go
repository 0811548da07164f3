package scheme

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestNew(t *testing.T) {
	s := New()
	for _, kind := range []schema.GroupVersionKind{
		{Group: "functions.openfunction.io", Version: "v1beta1", Kind: "FunctionMesh"},
		{Group: "serving.knative.dev", Version: "v1", Kind: "Service"},
		{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"},
		{Group: "keda.sh", Version: "v1alpha1", Kind: "TriggerAuthentication"},
		{Group: "dapr.io", Version: "v1alpha1", Kind: "Component"},
		{Group: "dapr.io", Version: "v2alpha1", Kind: "Subscription"},
		{Group: "apps", Version: "v1", Kind: "Deployment"},
	} {
		if !s.Recognizes(kind) {
			t.Errorf("%s is not known", kind)
		}
	}
}
