package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/bindings/jetstream"
)

const (
	namespace = "weft-wake"
	natsURL   = "nats://nats.default.svc.cluster.local:4222"
	meshFile  = "hack/bench/wake/mesh.yaml"
)

// cluster is the cluster under test with the meshes on it.
type cluster struct {
	dir, bin string
	nc       *nats.Conn
	brokers  map[string]*jetstream.Broker // by mesh
	server   *http.Server

	mu    sync.Mutex
	waits map[string]chan time.Time // by id
}

// open puts the meshes on the cluster, without a controller.
func open(ctx context.Context, registry, listen string) (*cluster, error) {
	c := &cluster{bin: "bin/cluster", brokers: make(map[string]*jetstream.Broker), waits: make(map[string]chan time.Time)}
	if err := c.set(ctx, registry, listen); err != nil {
		return nil, errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *cluster) set(ctx context.Context, registry, listen string) (err error) {
	if err := os.Setenv("KUBECONFIG", cmp.Or(os.Getenv("KUBECONFIG"), ".cluster/kubeconfig")); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "weft-wake-"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("%w: is the cluster of make cluster-up running?", err)
	}
	c.server = &http.Server{Handler: http.HandlerFunc(c.called), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = c.server.Serve(l) }() // it ends with close
	if err := c.connect(ctx); err != nil {
		return err
	}
	if err := c.deploy(ctx, registry, l.Addr().String()); err != nil {
		return err
	}
	return c.openQueues(ctx)
}

func (c *cluster) connect(ctx context.Context) error {
	ip, err := c.kubectl(ctx, "get", "service", "nats", "--namespace", "default", "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		return err
	}
	if c.nc, err = nats.Connect("nats://" + ip + ":4222"); err != nil {
		return fmt.Errorf("NATS at %s: %w", ip, err)
	}
	return nil
}

// openQueues opens the queues, which fronts have made by then.
func (c *cluster) openQueues(ctx context.Context) error {
	for _, w := range ways {
		b, err := jetstream.Connect(ctx, c.nc, jetstream.Options{Namespace: namespace, Mesh: w.name})
		if err != nil {
			return err
		}
		if err := b.Declare(ctx, "woken", "slow"); err != nil {
			return err
		}
		c.brokers[w.name] = b
	}
	return nil
}

// deploy builds what runs, and applies what weft render prints.
func (c *cluster) deploy(ctx context.Context, registry, collector string) error {
	weft := filepath.Join(c.dir, "weft")
	if _, err := c.command(ctx, nil, "go", "build", "-o", weft, "./cmd/weft"); err != nil {
		return err
	}
	images, err := c.command(ctx, nil, "go", "run", "./hack/images", "-to", registry, "-tag", "wake", "-platform", "linux/amd64", "-insecure")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(images, "weft-dataplane ")
	dataplane, _, _ := strings.Cut(rest, "\n")
	built, err := c.command(ctx, nil, weft, "build", "-f", meshFile, "--data", c.dir, "--to", registry, "--insecure", "--platform", "linux/amd64", "-o", "json")
	if err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "create", "namespace", namespace); err != nil {
		return err
	}
	for _, w := range ways {
		args := []string{"render", "-f", meshFile, "--set", "metadata.name=" + w.name,
			"--set", "spec.functions.woken.env[0].value=http://" + collector, "--nats", natsURL, "--dataplane", dataplane}
		tokens, err := c.command(ctx, nil, weft, append(args, "--tokens")...)
		if err != nil {
			return err
		}
		objects, err := c.command(ctx, []byte(built), weft, append(append(args, "--images", "-"), w.args...)...)
		if err != nil {
			return err
		}
		if _, err := c.command(ctx, []byte(tokens+"---\n"+objects), c.kubectlPath(), "apply", "--server-side", "-f", "-"); err != nil {
			return err
		}
		if _, err := c.kubectl(ctx, "rollout", "status", "deployment/"+w.name+"-front", "--timeout=120s"); err != nil {
			return err
		}
	}
	return nil
}

// close removes everything.
func (c *cluster) close(ctx context.Context) (err error) {
	_, err = c.kubectl(ctx, "delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")
	if c.nc != nil {
		err = errors.Join(err, c.removeQueues(ctx))
		c.nc.Close()
	}
	if c.server != nil {
		err = errors.Join(err, c.server.Close())
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

func (c *cluster) removeQueues(ctx context.Context) error {
	j, err := js.New(c.nc)
	if err != nil {
		return err
	}
	names := j.StreamNames(ctx)
	for name := range names.Name() {
		if strings.HasPrefix(name, "WEFT_"+namespace+"_") {
			err = errors.Join(err, j.DeleteStream(ctx, name))
		}
	}
	return errors.Join(err, names.Err())
}

// expect returns where the time comes at which the handler of id is called.
func (c *cluster) expect(id string) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits[id] = make(chan time.Time, 1)
	return c.waits[id]
}

// called takes /ID/NANOSECONDS of handlers.
func (c *cluster) called(_ http.ResponseWriter, r *http.Request) {
	id, text, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	at, err := strconv.ParseInt(text, 10, 64)
	c.mu.Lock()
	wait := c.waits[id]
	delete(c.waits, id)
	c.mu.Unlock()
	if wait != nil && err == nil {
		wait <- time.Unix(0, at)
	}
}

func (c *cluster) kubectlPath() string { return filepath.Join(c.bin, "kubectl") }

func (c *cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	return c.command(ctx, nil, c.kubectlPath(), append([]string{"--namespace", namespace}, args...)...)
}

// command runs a program and returns its output.
func (c *cluster) command(ctx context.Context, in []byte, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out.String(), nil
}
