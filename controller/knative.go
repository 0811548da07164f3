package controller

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// knativeNamespace is where Knative Serving is installed.
	knativeNamespace = "knative-serving"
	// knativeFresh is how long what is known of an installation is taken as
	// true. It changes seldom, and a mesh is looked at often.
	knativeFresh = time.Minute
)

// knative knows what of an installation of Knative Serving decides about
// meshes.
type knative struct {
	reader client.Reader

	mu    sync.Mutex
	until time.Time
	hpa   bool
	zero  bool
}

// features says whether the HPA class has someone to serve it, and whether a
// revision may begin with no replica (allow-zero-initial-scale of
// config-autoscaler).
func (k *knative) features(ctx context.Context) (hpa, zero bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.hpa, k.zero
	}
	err := k.reader.Get(ctx, client.ObjectKey{Namespace: knativeNamespace, Name: "autoscaler-hpa"}, kindDeployment.object())
	k.hpa = !apierrors.IsNotFound(err)
	config := core("ConfigMap").object()
	k.zero = false // the default
	if err := k.reader.Get(ctx, client.ObjectKey{Namespace: knativeNamespace, Name: "config-autoscaler"}, config); err == nil {
		value, _, _ := unstructured.NestedString(config.Object, "data", "allow-zero-initial-scale")
		k.zero = value == "true"
	}
	k.until = time.Now().Add(knativeFresh)
	return k.hpa, k.zero
}
