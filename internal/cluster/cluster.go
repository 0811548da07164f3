package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/weftmesh/weft/api/v1beta1"
)

// dialTimeout bounds how long the API server may take to accept a connection.
const dialTimeout = 10 * time.Second

// Options say which cluster.
type Options struct {
	// Kubeconfig is its file; $KUBECONFIG, ~/.kube/config or the pod's own
	// account if empty.
	Kubeconfig string
	// Context in it; the current one if empty.
	Context string
	// Namespace of the mesh; that of the context if empty.
	Namespace string
}

// Cluster is a Kubernetes cluster as one user may use it.
type Cluster struct {
	config    *rest.Config
	http      *http.Client
	client    dynamic.Interface
	namespace string
}

// Open reads the kubeconfig; nothing is sent yet. Errors say where it was
// looked for.
func Open(o Options) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.WarnIfAllMissing = false
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, unreadable(rules, err)
	}
	namespace := o.Namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, unreadable(rules, err)
		}
	}
	return connect(config, namespace)
}

// unreadable says what is wrong with the kubeconfig.
func unreadable(rules *clientcmd.ClientConfigLoadingRules, err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return fmt.Errorf("no cluster is configured: set KUBECONFIG, or name a file with --kubeconfig (looked for %s)", rules.GetDefaultFilename())
	}
	return fmt.Errorf("kubeconfig: %w", err)
}

// connect returns a client of a cluster in a namespace.
func connect(config *rest.Config, namespace string) (*Cluster, error) {
	config.QPS, config.Burst = 50, 100
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "weft"
	c := &Cluster{config: config, namespace: namespace}
	config.Dial = dialer()
	var err error
	if c.http, err = rest.HTTPClientFor(config); err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	if c.client, err = dynamic.NewForConfigAndClient(config, c.http); err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return c, nil
}

// Namespace that commands look in.
func (c *Cluster) Namespace() string { return c.namespace }

// In is the same cluster, looked at in another namespace; its own if that is "".
func (c *Cluster) In(namespace string) *Cluster {
	other := *c
	other.namespace = cmp.Or(namespace, c.namespace)
	return &other
}

// An explained error has words for someone at a prompt before those of the API
// server, and says what to do.
type explained struct {
	err        error
	text, hint string
}

func (e *explained) Error() string { return e.text + ": " + e.err.Error() }
func (e *explained) Unwrap() error { return e.err }
func (e *explained) Hint() string  { return e.hint }

// The ways to what a cluster may lack.
const (
	installWeft = "install Weft on the cluster: kubectl apply --server-side -k manifests/overlays/nats"
	installDapr = "install Dapr on the cluster: https://docs.dapr.io/operations/hosting/kubernetes"
)

// explain says what an error of the API server means.
func (c *Cluster) explain(k kind, err error) error {
	var unreachable *url.Error
	var status apierrors.APIStatus
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case unknownKind(err):
		if k.GroupResource() == meshes.GroupResource() {
			return &explained{err, "the cluster does not know FunctionMeshes", installWeft}
		}
		return &explained{err, "the cluster does not know the kind " + k.name + " of " + k.Group, installDapr}
	case errors.As(err, &status) && apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return &explained{err, "there is no such namespace", "make it, or name another with -n: kubectl create namespace " + status.Status().Details.Name}
	case apierrors.IsForbidden(err):
		return &explained{err, "the kubeconfig's user may not do that", "ask who runs the cluster for the right, or name another context with --context"}
	case apierrors.IsUnauthorized(err):
		return &explained{err, "the cluster does not accept the kubeconfig's credentials", "renew them, or name another context with --context"}
	case apierrors.IsInvalid(err):
		return invalid(err)
	case errors.As(err, &unreachable), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &explained{err, "the cluster at " + c.config.Host + " does not answer", "is it running, and is the context the right one? kubectl config get-contexts"}
	}
	return err
}

// unknownKind says whether the API server has no such resource at all: then the
// answer is not one of its own objects.
func unknownKind(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// InvalidError is an object that the API server does not take.
type InvalidError struct {
	// Faults by field, as in spec.functions[0].image.
	Faults []Fault
	err    error
}

// Fault is what is wrong with one field.
type Fault struct{ Field, Message string }

func (e *InvalidError) Error() string { return e.err.Error() }
func (e *InvalidError) Unwrap() error { return e.err }

func invalid(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return err
	}
	e := &InvalidError{err: err}
	for _, cause := range status.Status().Details.Causes {
		e.Faults = append(e.Faults, Fault{Field: cause.Field, Message: cause.Message})
	}
	return e
}

// Mesh reads a mesh; the error names it.
func (c *Cluster) Mesh(ctx context.Context, name string) (*v1beta1.FunctionMesh, error) {
	u, err := c.resource(meshes).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !unknownKind(err) {
		return nil, &MissingError{Mesh: name, Namespace: c.namespace}
	}
	if err != nil {
		return nil, c.explain(meshes, err)
	}
	return meshOf(u)
}

// MissingError is a mesh that is not on the cluster.
type MissingError struct{ Mesh, Namespace string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no mesh %s in the namespace %s", e.Mesh, e.Namespace)
}

// Hint says what to do about it.
func (e *MissingError) Hint() string {
	return "put it there: weft deploy; or name another namespace with -n"
}

// Meshes lists the meshes of the namespace, by name.
func (c *Cluster) Meshes(ctx context.Context) ([]*v1beta1.FunctionMesh, error) {
	list, err := c.resource(meshes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(meshes, err)
	}
	all := make([]*v1beta1.FunctionMesh, 0, len(list.Items))
	for i := range list.Items {
		fm, err := meshOf(&list.Items[i])
		if err != nil {
			return nil, err
		}
		all = append(all, fm)
	}
	slices.SortFunc(all, func(x, y *v1beta1.FunctionMesh) int { return cmp.Compare(x.Name, y.Name) })
	return all, nil
}

func meshOf(u *unstructured.Unstructured) (*v1beta1.FunctionMesh, error) {
	fm := &v1beta1.FunctionMesh{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, fm); err != nil {
		return nil, fmt.Errorf("FunctionMesh %s: %w", u.GetName(), err)
	}
	return fm, nil
}

// stream reads a path of the API that is not JSON.
func (c *Cluster) stream(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	u := base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	if err != nil {
		return nil, err
	}
	e := &apierrors.StatusError{}
	if json.Unmarshal(text, &e.ErrStatus) != nil || e.ErrStatus.Message == "" {
		return nil, fmt.Errorf("the API server answered %s", resp.Status)
	}
	return nil, e
}

// maxStatus bounds an error of the API server, in bytes.
const maxStatus = 64 << 10
