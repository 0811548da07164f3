package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/weftmesh/weft/controller/desired"
)

// Forward is a port of a pod on this machine's loopback interface.
type Forward struct {
	// Address is host:port on this machine.
	Address string
	stop    chan struct{}
	ended   chan error
}

// Close ends the forwarding.
func (f *Forward) Close() error {
	close(f.stop)
	return <-f.ended
}

// Front opens a connection to a port of one of the mesh's fronts.
func (c *Cluster) Front(ctx context.Context, mesh string, port int) (*Forward, error) {
	fronts, err := c.pods(ctx, map[string]string{desired.LabelMesh: mesh, desired.LabelRole: desired.RoleFront})
	if err != nil {
		return nil, err
	}
	for _, p := range fronts {
		if p.ready() {
			return c.forward(ctx, p.Metadata.Name, port)
		}
	}
	if _, err := c.Mesh(ctx, mesh); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("no front of %s is ready; weft get --cluster says why", mesh)
}

// Pod opens a connection to a port of a pod.
func (c *Cluster) Pod(ctx context.Context, name string, port int) (*Forward, error) {
	return c.forward(ctx, name, port)
}

// quiet keeps client-go from writing to standard error that a forwarded
// connection broke: whoever used it has an error that says so.
var quiet = sync.OnceFunc(func() { utilruntime.ErrorHandlers = nil })

func (c *Cluster) forward(ctx context.Context, pod string, port int) (*Forward, error) {
	quiet()
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	url := base.JoinPath("api/v1/namespaces", c.namespace, "pods", pod, "portforward")
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	f := &Forward{stop: make(chan struct{}), ended: make(chan error, 1)}
	ready := make(chan struct{})
	pf, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, f.stop, ready, io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	go func() { f.ended <- pf.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-f.ended:
		return nil, fmt.Errorf("a connection to the pod %s: %w", pod, c.explain(pods, err))
	case <-ctx.Done():
		close(f.stop)
		return nil, context.Cause(ctx)
	}
	ports, err := pf.GetPorts()
	if err != nil || len(ports) == 0 {
		close(f.stop)
		return nil, fmt.Errorf("a connection to the pod %s: no port was opened: %w", pod, err)
	}
	f.Address = "127.0.0.1:" + strconv.Itoa(int(ports[0].Local))
	return f, nil
}
