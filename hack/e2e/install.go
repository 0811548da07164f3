package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// overlay is what is installed: an overlay of the repository, with the images
// that were just made.
const overlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%q]
images:
  - {name: ghcr.io/weftmesh/weft-controller, newName: %q, digest: %q}
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: weft-controller, namespace: weft-system}
      spec:
        template:
          spec:
            containers:
              - name: controller
                env: [{name: WEFT_DATAPLANE, value: %q}]
`

// install makes images of the controller and the data plane, and puts the
// controller on the cluster.
func install(ctx context.Context, e *env) error {
	if _, err := e.command(ctx, nil, "go", "build", "-o", filepath.Join(e.root, "bin", "weft"), "./cmd/weft"); err != nil {
		return err
	}
	args := []string{"run", "./hack/images", "-to", e.registry, "-tag", "e2e", "-platform", platform()}
	if e.insecure {
		args = append(args, "-insecure")
	}
	out, err := e.command(ctx, nil, "go", args...)
	if err != nil {
		return err
	}
	images := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if name, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			images[name] = ref
			tell("%s", ref)
		}
	}
	dir := filepath.Join(e.dir, "install")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base, err := filepath.Rel(dir, filepath.Join(e.root, e.overlay))
	if err != nil {
		return err
	}
	repository, digest, _ := strings.Cut(images["weft-controller"], "@")
	text := fmt.Sprintf(overlay, base, repository, digest, images["weft-dataplane"])
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := e.command(ctx, nil, "kubectl", "apply", "--server-side", "--force-conflicts", "-k", dir); err != nil {
		return err
	}
	_, err = e.command(ctx, nil, "kubectl", "--namespace", systemNamespace, "rollout", "status", "deployment/weft-controller", "--timeout=180s")
	return err
}

// beside is what stands beside the meshes: the collector, and the Redis that
// the article's component names.
const beside = `apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {type: ExternalName, externalName: %q}
---
apiVersion: v1
kind: Service
metadata: {name: collector}
spec:
  selector: {app: collector}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: prometheus, port: 9090, targetPort: 8080}, {name: smtp, port: 1025}]
---
apiVersion: v1
kind: Pod
metadata: {name: collector, labels: {app: collector}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  containers:
    - name: collector
      image: %q
      readinessProbe: {httpGet: {path: /health/readiness, port: 8080}, periodSeconds: 1}
      resources: {requests: {cpu: 10m, memory: 32Mi}}
`

// prepare makes the namespace, anew if it is there, and what stands beside the
// meshes.
func prepare(ctx context.Context, e *env) error {
	if err := errors.Join(removeNamespace(ctx, e), e.purge(ctx)); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "create", "namespace", e.namespace); err != nil {
		return err
	}
	if err := e.tools(ctx); err != nil {
		return err
	}
	if err := e.apply(ctx, fmt.Sprintf(beside, e.redis, e.images["collector"])); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "wait", "--for=condition=Ready", "pod/collector", "--timeout=60s"); err != nil {
		return err
	}
	e.openCollector()
	return nil
}

// purge removes the queues that meshes of the namespace have left at their
// broker, which weft delete --cluster leaves there.
func (e *env) purge(ctx context.Context) error {
	namespace, pod, ok := strings.Cut(e.nats, "/")
	if !ok {
		return nil // somebody else's, to look after
	}
	forward, err := e.cluster.In(namespace).Pod(ctx, pod, 4222)
	if err != nil {
		return fmt.Errorf("NATS, to remove queues: %w", err)
	}
	defer func() { _ = forward.Close() }() // it has done its work
	nc, err := nats.Connect("nats://"+forward.Address, nats.NoReconnect())
	if err != nil {
		return fmt.Errorf("NATS, to remove queues: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	names := js.StreamNames(ctx)
	var all []string
	for name := range names.Name() {
		if strings.HasPrefix(name, "WEFT_"+e.namespace+"_") {
			all = append(all, name)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("queues of %s: %w", e.namespace, err)
	}
	for _, name := range all {
		if err := js.DeleteStream(ctx, name); err != nil {
			return fmt.Errorf("queue %s: %w", name, err)
		}
	}
	return nil
}

// tools makes the images of what the tests bring beside meshes.
func (e *env) tools(ctx context.Context) (err error) {
	e.images, err = e.build(ctx, "hack/e2e/meshes/tools.yaml")
	return err
}

// adopt takes what an earlier run has left.
func (e *env) adopt(ctx context.Context) error {
	e.openCollector()
	return e.tools(ctx)
}

// removeNamespace deletes it with all that is in it, and waits. Knative's pods
// would take half a minute to say goodbye.
func removeNamespace(ctx context.Context, e *env) error {
	if _, err := e.kubectl(ctx, "delete", "functionmeshes", "--all", "--ignore-not-found", "--timeout=60s"); err != nil && !strings.Contains(err.Error(), "doesn't have a resource type") {
		return err
	}
	if _, err := e.kubectl(ctx, "delete", "namespace", e.namespace, "--ignore-not-found", "--wait=false"); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "delete", "pods", "--all", "--grace-period=1", "--wait=false"); err != nil {
		return err
	}
	_, err := e.kubectl(ctx, "wait", "--for=delete", "namespace/"+e.namespace, "--timeout=120s")
	return err
}

// clean removes what the steps have made, the controller included.
func clean(ctx context.Context, e *env) error {
	if err := errors.Join(removeNamespace(ctx, e), e.purge(ctx)); err != nil {
		return err
	}
	_, err := e.command(ctx, nil, "kubectl", "delete", "-k", filepath.Join(e.dir, "install"), "--ignore-not-found", "--timeout=120s")
	return err
}
