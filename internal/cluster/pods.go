package cluster

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
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
		ContainerStatuses []struct {
			Name string `json:"name"`
			// ContainerID is "" until the container has begun.
			ContainerID string `json:"containerID"`
		} `json:"containerStatuses"`
	} `json:"status"`
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
