package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/weftmesh/weft/api/v1beta1"
)

// Part is one of the projects that a mesh needs on a cluster.
type Part struct {
	Name string
	// Lacks are the APIs that Weft uses and the cluster does not serve, as in
	// services.serving.knative.dev/v1; all of them if the project is not there.
	Lacks []string
	// Has says that some of them are served.
	Has bool
	// Version that its Deployments say they are; "" if they do not, or cannot
	// be read.
	Version string
	// Deployments of it that were found, by name.
	Deployments []string
	// Down are those that are not available, with how many replicas are.
	Down []string
	// Unseen is why its Deployments could not be read.
	Unseen error
}

// part of an installation: what it serves, and the label of its Deployments.
type part struct {
	name, group, version string
	resources            []string
	label                string
}

// The names of parts.
const (
	Knative    = "knative"
	KEDA       = "keda"
	Dapr       = "dapr"
	Controller = "weft"
)

var parts = []part{
	{Knative, "serving.knative.dev", "v1", []string{"services", "configurations", "revisions"}, "app.kubernetes.io/name=knative-serving"},
	{KEDA, "keda.sh", "v1alpha1", []string{"scaledobjects", "triggerauthentications"}, "app.kubernetes.io/part-of=keda-operator"},
	{Dapr, "dapr.io", "v1alpha1", []string{"components"}, "app.kubernetes.io/part-of=dapr"},
	{Dapr, "dapr.io", "v2alpha1", []string{"subscriptions"}, ""},
	{Controller, v1beta1.Group, v1beta1.Version, []string{"functionmeshes"}, "app.kubernetes.io/part-of=weft"},
}

var deployments = kind{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Deployment"}

// Version of Kubernetes, as in v1.35.4.
func (c *Cluster) Version(ctx context.Context) (string, error) {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := c.read(ctx, "version", &v); err != nil {
		return "", c.explain(kind{}, err)
	}
	return v.GitVersion, nil
}

// Minor is the second number of a version of Kubernetes; 0 if it has none.
func Minor(version string) int {
	numbers := strings.SplitN(version, ".", 3)
	if len(numbers) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[1])
	return n
}

// Examine says which of the projects that meshes need are there.
func (c *Cluster) Examine(ctx context.Context) ([]Part, error) {
	var found []Part
	for _, p := range parts {
		var served metav1.APIResourceList
		err := c.read(ctx, "apis/"+p.group+"/"+p.version, &served)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("what the cluster serves: %w", c.explain(kind{}, err))
		}
		if len(found) == 0 || found[len(found)-1].Name != p.name {
			found = append(found, Part{Name: p.name})
		}
		f := &found[len(found)-1]
		for _, r := range p.resources {
			if slices.ContainsFunc(served.APIResources, func(a metav1.APIResource) bool { return a.Name == r }) {
				f.Has = true
			} else {
				f.Lacks = append(f.Lacks, r+"."+p.group+"/"+p.version)
			}
		}
		if p.label != "" {
			c.look(ctx, p.label, f)
		}
	}
	return found, nil
}

// look reads the Deployments of a part, in whichever namespace it was installed.
func (c *Cluster) look(ctx context.Context, label string, f *Part) {
	list, err := c.client.Resource(deployments.GroupVersionResource).List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		f.Unseen = c.explain(deployments, err)
		return
	}
	for _, d := range list.Items {
		number := func(fields ...string) int64 {
			n, _, _ := unstructured.NestedInt64(d.Object, fields...)
			return n
		}
		f.Deployments = append(f.Deployments, d.GetName())
		if v := d.GetLabels()["app.kubernetes.io/version"]; f.Version == "" {
			f.Version = v
		}
		if have, want := number("status", "availableReplicas"), number("spec", "replicas"); have < want || want == 0 {
			f.Down = append(f.Down, fmt.Sprintf("%s in %s (%d of %d)", d.GetName(), d.GetNamespace(), have, want))
		}
	}
}

// Right is something that a command does on a cluster.
type Right struct {
	Verb, Group, Resource, Subresource string
	// For says which commands need it.
	For string
}

func (r Right) String() string {
	what := r.Resource
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Group != "" {
		what += "." + r.Group
	}
	return r.Verb + " " + what
}

// Rights that commands need in a namespace.
var Rights = []Right{
	{"get", v1beta1.Group, "functionmeshes", "", "all commands"},
	{"list", v1beta1.Group, "functionmeshes", "", "get without a mesh file"},
	// An apply that finds nothing makes the object, which is a right of its own.
	{"create", v1beta1.Group, "functionmeshes", "", "deploy"},
	{"patch", v1beta1.Group, "functionmeshes", "", "deploy"},
	{"delete", v1beta1.Group, "functionmeshes", "", "delete"},
	{"create", "", "secrets", "", "deploy, of meshes that come with Secrets"},
	{"patch", "", "secrets", "", "deploy, of meshes that come with Secrets"},
	{"create", "", "configmaps", "", "deploy, of meshes that come with ConfigMaps"},
	{"patch", "", "configmaps", "", "deploy, of meshes that come with ConfigMaps"},
	{"create", "dapr.io", "components", "", "deploy, of meshes that come with components"},
	{"patch", "dapr.io", "components", "", "deploy, of meshes that come with components"},
	{"create", "dapr.io", "subscriptions", "", "deploy, of meshes that come with subscriptions"},
	{"patch", "dapr.io", "subscriptions", "", "deploy, of meshes that come with subscriptions"},
	{"list", "", "pods", "", "logs, invoke, trace and dlq"},
	{"get", "", "pods", "log", "logs"},
	{"create", "", "pods", "portforward", "invoke, trace, dlq, and the queues in get"},
}

// Lacking returns those of Rights that the user does not have in the namespace.
// Every user may ask that of himself.
func (c *Cluster) Lacking(ctx context.Context) ([]Right, error) {
	reviews := schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
	var lacking []Right
	for _, r := range Rights {
		review := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": map[string]any{"resourceAttributes": map[string]any{
				"namespace": c.namespace, "verb": r.Verb, "group": r.Group, "resource": r.Resource, "subresource": r.Subresource,
			}},
		}}
		answer, err := c.client.Resource(reviews).Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, fmt.Errorf("what the user may do: %w", c.explain(kind{}, err))
		}
		if allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed"); !allowed {
			lacking = append(lacking, r)
		}
	}
	return lacking, nil
}

// read reads a path of the API as JSON.
func (c *Cluster) read(ctx context.Context, path string, into any) error {
	stream, err := c.stream(ctx, path, nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := json.NewDecoder(stream).Decode(into); err != nil {
		return fmt.Errorf("the API server answered something that is not JSON: %w", err)
	}
	return nil
}
