package cluster

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

// pod is what commands need to know of one. Kubernetes' own type would come
// with all others of its group, and their memory, in every process of weft.
type pod struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		InitContainerStatuses []container `json:"initContainerStatuses"`
		ContainerStatuses     []container `json:"containerStatuses"`
	} `json:"status"`
}

type container struct {
	Name string `json:"name"`
	// ContainerID is "" until the container has begun.
	ContainerID string `json:"containerID"`
	State       struct {
		Running *struct{} `json:"running"`
		Waiting *struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"waiting"`
	} `json:"state"`
}

// passing are reasons to wait that pass by themselves.
var passing = []string{"", "ContainerCreating", "PodInitializing"}

// stuck says why a pod does not start; "" if it does, or may.
func (p *pod) stuck() string {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if w := s.State.Waiting; w != nil && !slices.Contains(passing, w.Reason) {
			return strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
		}
	}
	return ""
}

// Label is that of a function's objects, whatever its name is written like.
func Label(function string) string {
	return desired.FunctionLabel(&mesh.Function{KubeName: v1beta1.KubeName(function)})
}

// Stuck says, by a function's label, why a pod of it does not start, in the
// words of the kubelet: Knative reports that only after its progress deadline of
// ten minutes.
func (c *Cluster) Stuck(ctx context.Context, name string) (map[string]string, error) {
	all, err := c.pods(ctx, map[string]string{desired.LabelMesh: name})
	if err != nil {
		return nil, err
	}
	why := make(map[string]string)
	for _, p := range all {
		function, reason := p.Metadata.Labels[desired.LabelFunction], p.stuck()
		if function != "" && reason != "" && p.Metadata.DeletionTimestamp == nil && why[function] == "" {
			why[function] = reason
		}
	}
	return why, nil
}

// ready says whether the pod takes requests.
func (p *pod) ready() bool {
	if p.Metadata.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// pods with these labels.
func (c *Cluster) pods(ctx context.Context, with map[string]string) ([]*pod, error) {
	list, err := c.resource(pods).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(with).String()})
	if err != nil {
		return nil, c.explain(pods, err)
	}
	all := make([]*pod, 0, len(list.Items))
	for i := range list.Items {
		p := &pod{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
