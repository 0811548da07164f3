package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/cluster"
)

// env is the cluster under test, and what is known of it.
type env struct {
	registry, overlay, redis, namespace, keda, nats, killer string
	insecure, keep, reuse                                   bool

	root, dir string // of the repository; for what is made
	cluster   *cluster.Cluster
	fronts    map[string]*front // by mesh
	collector *collector
	images    map[string]string // of tools, by name, with digest
	figures   map[string]any
}

const systemNamespace = "weft-system"

func (e *env) open() (err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	e.root = strings.TrimSpace(string(out))
	if e.dir, err = os.MkdirTemp("", "weft-e2e-"); err != nil {
		return err
	}
	e.fronts = make(map[string]*front)
	e.cluster, err = cluster.Open(cluster.Options{Namespace: e.namespace})
	return err
}

func (e *env) close() {
	for _, f := range e.fronts {
		f.close()
	}
	e.collector.close()
	_ = os.RemoveAll(e.dir) // of /tmp
}

// tell prints a line within a step.
func tell(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }

// command runs a program and returns its output; what it says on standard
// error is part of the error.
func (e *env) command(ctx context.Context, in []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = e.root, bytes.NewReader(in)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out.Bytes(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out.Bytes(), nil
}

// kubectl runs kubectl in the namespace.
func (e *env) kubectl(ctx context.Context, args ...string) ([]byte, error) {
	return e.in(ctx, e.namespace, args...)
}

// in runs kubectl in a namespace, the test's if it is "".
func (e *env) in(ctx context.Context, namespace string, args ...string) ([]byte, error) {
	return e.command(ctx, nil, "kubectl", append([]string{"--namespace", cmp.Or(namespace, e.namespace)}, args...)...)
}

// apply has the cluster hold these objects.
func (e *env) apply(ctx context.Context, yaml string) error {
	_, err := e.command(ctx, []byte(yaml), "kubectl", "--namespace", e.namespace, "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

// remove deletes objects, KIND/NAME, that may be gone already, and waits.
func (e *env) remove(ctx context.Context, objects ...string) error {
	_, err := e.kubectl(ctx, append([]string{"delete", "--ignore-not-found", "--timeout=90s"}, objects...)...)
	return err
}

// weft runs bin/weft on the cluster.
func (e *env) weft(ctx context.Context, args ...string) ([]byte, error) {
	return e.command(ctx, nil, filepath.Join(e.root, "bin", "weft"), args...)
}

// platform of the cluster's nodes: taken to be this machine's.
func platform() string { return "linux/" + runtime.GOARCH }

// build pushes the images of a mesh's functions and returns them by name.
func (e *env) build(ctx context.Context, file string, args ...string) (map[string]string, error) {
	all := append([]string{"build", "--file", file, "--data", filepath.Join(e.dir, "build"), "--to", e.registry, "--platform", platform(), "-o", "json"}, args...)
	if e.insecure {
		all = append(all, "--insecure")
	}
	out, err := e.weft(ctx, all...)
	if err != nil {
		return nil, err
	}
	var built []struct{ Name, Image, Digest string }
	if err := json.Unmarshal(out, &built); err != nil {
		return nil, err
	}
	images := make(map[string]string)
	for _, b := range built {
		repository := b.Image[:strings.LastIndex(b.Image, ":")]
		images[b.Name] = repository + "@" + b.Digest
	}
	return images, nil
}

// deploy puts a mesh on the cluster as a user does.
func (e *env) deploy(ctx context.Context, file string, args ...string) error {
	all := append([]string{"deploy", "--file", file, "--data", filepath.Join(e.dir, "build"), "-n", e.namespace, "--to", e.registry, "--platform", platform()}, args...)
	if e.insecure {
		all = append(all, "--insecure")
	}
	_, err := e.weft(ctx, all...)
	return err
}

// await polls until done says so; the error says what was missing at the end.
func await(ctx context.Context, within time.Duration, done func(context.Context) (bool, string, error)) (time.Duration, error) {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	last := ""
	for {
		ok, missing, err := done(bounded)
		switch {
		case err != nil && bounded.Err() == nil:
			return time.Since(start), err
		case ok:
			return time.Since(start), nil
		case missing != "":
			last = missing
		}
		select {
		case <-bounded.Done():
			return time.Since(start), fmt.Errorf("after %v: %s", time.Since(start).Round(time.Second), last)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// list reads objects by label, all of them if it is "".
func list[T any](ctx context.Context, e *env, kind, selector string) ([]T, error) {
	return listIn[T](ctx, e, "", kind, selector)
}

func listIn[T any](ctx context.Context, e *env, namespace, kind, selector string) ([]T, error) {
	args := []string{"get", kind, "-o", "json"}
	if selector != "" {
		args = append(args, "-l", selector)
	}
	out, err := e.in(ctx, namespace, args...)
	if err != nil {
		return nil, err
	}
	var l struct{ Items []T }
	return l.Items, json.Unmarshal(out, &l)
}

// pod is what steps look at.
type pod struct {
	Metadata struct {
		Name              string
		DeletionTimestamp string
		Labels            map[string]string
	}
	Status struct {
		Phase             string
		ContainerStatuses []struct {
			Name, ContainerID string
			Ready             bool
		}
	}
}

// pods of a selector that are not on their way out.
func (e *env) pods(ctx context.Context, selector string) ([]pod, error) {
	return e.podsIn(ctx, "", selector)
}

func (e *env) podsIn(ctx context.Context, namespace, selector string) ([]pod, error) {
	all, err := listIn[pod](ctx, e, namespace, "pods", selector)
	var here []pod
	for _, p := range all {
		if p.Metadata.DeletionTimestamp == "" && (p.Status.Phase == "Running" || p.Status.Phase == "Pending") {
			here = append(here, p)
		}
	}
	return here, err
}

// atZero waits until a mesh has no pod but its fronts.
func (e *env) atZero(ctx context.Context, mesh string, within time.Duration) (time.Duration, error) {
	return await(ctx, within, func(ctx context.Context) (bool, string, error) {
		pods, err := list[pod](ctx, e, "pods", "weft.dev/mesh="+mesh+",weft.dev/role!=front")
		var names []string
		for _, p := range pods {
			names = append(names, p.Metadata.Name)
		}
		return err == nil && len(pods) == 0, "there are still " + strings.Join(names, ", "), err
	})
}
