package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
)

// dialTimeout bounds how long the API server may take to answer.
const dialTimeout = 15 * time.Second

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
	client    client.Client
	set       kubernetes.Interface
	namespace string
}

// Open reads the kubeconfig. Errors say where it was looked for.
func Open(o Options) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		if clientcmd.IsEmptyConfig(err) {
			return nil, errors.New("no cluster is configured: set KUBECONFIG, or name a file with --kubeconfig")
		}
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	namespace := o.Namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
	}
	config.QPS, config.Burst = 50, 100
	config.WarningHandler = rest.NoWarnings{}
	c := &Cluster{config: config, namespace: namespace}
	if c.client, err = client.New(config, client.Options{Scheme: scheme()}); err != nil {
		return nil, c.explain(err)
	}
	if c.set, err = kubernetes.NewForConfig(config); err != nil {
		return nil, c.explain(err)
	}
	return c, nil
}

// scheme has the kinds that are read as Go types.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(errors.Join(corev1.AddToScheme(s), v1beta1.AddToScheme(s)))
	return s
}

// Namespace that commands look in.
func (c *Cluster) Namespace() string { return c.namespace }

// explain says what an error of the API server means to someone at a prompt.
func (c *Cluster) explain(err error) error {
	var unreachable *url.Error
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster does not know FunctionMeshes: install Weft on it first, with kubectl apply --server-side -k manifests/overlays/nats (%w)", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the kubeconfig's user may not do that: %w", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster does not accept the kubeconfig's credentials: %w", err)
	case errors.As(err, &unreachable), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the cluster at %s does not answer: %w", c.config.Host, err)
	}
	return err
}

// Mesh reads a mesh; the error names it.
func (c *Cluster) Mesh(ctx context.Context, name string) (*v1beta1.FunctionMesh, error) {
	fm := &v1beta1.FunctionMesh{}
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, fm)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no mesh %s in the namespace %s; weft deploy makes it", name, c.namespace)
	}
	return fm, c.explain(err)
}
