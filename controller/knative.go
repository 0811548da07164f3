package controller

import (
	"context"
	"fmt"
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
	// true, and how soon it is looked at again for a mesh that needs what is not
	// there. It changes seldom, and a mesh is looked at often.
	knativeFresh = time.Minute
)

// knative knows what of an installation of Knative Serving decides about
// meshes.
type knative struct {
	reader client.Reader
	// fresh is how long an answer is taken as true.
	fresh time.Duration

	mu    sync.Mutex
	until time.Time
	hpa   bool
	zero  bool
}

// features says whether the HPA class has someone to serve it, and whether a
// revision may begin with no replica (allow-zero-initial-scale of
// config-autoscaler). An API server that does not answer is an error: taken for
// a no, it would have every function of every mesh get a new revision.
func (k *knative) features(ctx context.Context) (hpa, zero bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.hpa, k.zero, nil
	}
	hpa, err = k.find(ctx, "autoscaler-hpa", kindDeployment.object())
	if err != nil {
		return false, false, err
	}
	config := core("ConfigMap").object()
	if _, err = k.find(ctx, "config-autoscaler", config); err != nil {
		return false, false, err
	}
	value, _, _ := unstructured.NestedString(config.Object, "data", "allow-zero-initial-scale")
	k.hpa, k.zero = hpa, value == "true" // false by default
	k.until = time.Now().Add(k.fresh)
	return k.hpa, k.zero, nil
}

// find reads an object of Knative's, and says whether there is one.
func (k *knative) find(ctx context.Context, name string, into *unstructured.Unstructured) (bool, error) {
	err := k.reader.Get(ctx, client.ObjectKey{Namespace: knativeNamespace, Name: name}, into)
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("read %s %s/%s: %w", into.GetKind(), knativeNamespace, name, err)
	}
	return err == nil, nil
}
