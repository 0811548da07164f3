package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	config.QPS = -1 // no limit here: commands ask little, and the API server has limits of its own
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

// Contexts of the kubeconfig, by name.
func Contexts(o Options) ([]string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	config, err := rules.Load()
	if err != nil {
		return nil, unreadable(rules, err)
	}
	return slices.Sorted(maps.Keys(config.Contexts)), nil
}

// Namespaces of the cluster, by name.
func (c *Cluster) Namespaces(ctx context.Context) ([]string, error) {
	list, err := c.client.Resource(namespaces.GroupVersionResource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(namespaces, err)
	}
	var names []string
	for _, item := range list.Items {
		names = append(names, item.GetName())
	}
	return names, nil
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
		return nil, apierrors.NewGenericServerResponse(resp.StatusCode, http.MethodGet, schema.GroupResource{}, "", resp.Status, 0, true)
	}
	return nil, e
}

// maxStatus bounds an error of the API server, in bytes.
const maxStatus = 64 << 10
