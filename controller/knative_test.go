package controller

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// serving is a namespace of Knative's: the data of what it has, by name, and what
// it fails with otherwise.
type serving struct {
	data  map[string]map[string]any
	fails error
}

func (s serving) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if s.fails != nil {
		return s.fails
	}
	data, has := s.data[key.Name]
	if !has {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	obj.(*unstructured.Unstructured).Object["data"] = data
	return nil
}

func (serving) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nobody lists anything")
}

func TestKnativeFeatures(t *testing.T) {
	cases := map[string]struct {
		reason    string
		has       serving
		hpa, zero bool
		fails     bool
	}{
		"Nothing": {reason: "what is not there is a no", has: serving{}},
		"Default": {
			"a revision begins with a replica unless it is said",
			serving{data: map[string]map[string]any{"autoscaler-hpa": nil, "config-autoscaler": {"_example": "…"}}}, true, false, false,
		},
		"Zero": {
			"where it is said it begins with none",
			serving{data: map[string]map[string]any{"config-autoscaler": {"allow-zero-initial-scale": "true"}}}, false, true, false,
		},
		"Unanswered": {
			"who does not answer has said neither",
			serving{fails: apierrors.NewServiceUnavailable("busy")}, false, false, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			hpa, zero, err := (&knative{reader: tc.has}).features(t.Context())
			if hpa != tc.hpa || zero != tc.zero || (err != nil) != tc.fails {
				t.Errorf("%s: HPA %t, zero %t, error %v", tc.reason, hpa, zero, err)
			}
		})
	}
}
