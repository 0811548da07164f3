//go:build unix

package main

import (
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
	"syscall"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/weftmesh/weft/hack/internal/engine"
)

// side is one that serves the Dapr API, with an application of its own in this
// process.
type side struct {
	name   string
	client dapr.Client
	app    *app
	pid    int
	stop   func() error
}

// components are those of both sides. durable is the type of the store "kept".
func components(dir, side, durable string) string {
	text := ""
	add := func(name, kind string, metadata ...string) {
		text += fmt.Sprintf("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: %s}\nspec:\n  type: %s\n  version: v1\n  metadata:\n", name, kind)
		for i := 0; i < len(metadata); i += 2 {
			text += fmt.Sprintf("    - {name: %s, value: %q}\n", metadata[i], metadata[i+1])
		}
		if len(metadata) == 0 {
			text = strings.TrimSuffix(text, "  metadata:\n") + "  metadata: []\n"
		}
		text += "---\n"
	}
	subscribe := func(name string) {
		text += fmt.Sprintf("apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: %s}\nspec: {pubsubname: %s, topic: %s, routes: {default: /events}}\nscopes: [app, bench-app]\n---\n", name, name, topic(side))
	}
	add("memory", "state.in-memory")
	add("sqlite", "state.sqlite", "connectionString", filepath.Join(dir, "sqlite.db"))
	if durable == "state.sqlite" {
		add("kept", durable, "connectionString", filepath.Join(dir, "kept.db"))
	} else {
		add("kept", durable)
	}
	add("bus", "pubsub.in-memory")
	subscribe("bus")
	if redis() != "" {
		add("redis", "pubsub.redis", "redisHost", redis(), "redisPassword", os.Getenv("WEFT_TEST_REDIS_PASSWORD"))
		subscribe("redis")
	}
	return text
}

func redis() string { return os.Getenv("WEFT_TEST_REDIS") }

// topic is a side's own: they share a Redis.
func topic(side string) string { return "bench-" + side }

func startDaprd(ctx context.Context, path, dir string) (*side, error) {
	s := &side{name: "daprd"}
	resources := filepath.Join(dir, "resources")
	if err := os.MkdirAll(resources, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(resources, "all.yaml"), []byte(components(dir, s.name, "state.sqlite")), 0o600); err != nil {
		return nil, err
	}
	var err error
	if s.app, err = startApp(); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(path, "--app-id", "bench-app", "--app-port", s.app.port(), "--resources-path", resources,
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-http-port", ports[0], "--dapr-grpc-port", ports[1],
		"--dapr-internal-grpc-port", ports[2], "--enable-metrics=false", "--log-level", "warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting daprd: %w; hack/daprd.sh builds it", err)
	}
	s.pid = cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.stop = func() error {
		s.app.stop()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		return nil
	}
	if err := s.ready(ctx, "http://127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1], ""); err != nil {
		_ = s.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("daprd: %w\n%s", err, said)
	}
	return s, nil
}

// startWeft starts a mesh of four functions: three processes, and this one.
func startWeft(ctx context.Context, root, dir string) (*side, error) {
	s := &side{name: "weft"}
	var err error
	if s.app, err = startApp(); err != nil {
		return nil, err
	}
	idle := filepath.Join(root, "hack/bench/dapr/idle")
	mesh := "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: bench}\nspec:\n  functions:\n" +
		"    - {name: app, url: \"" + s.app.url() + "\", triggers: [{type: http}]}\n"
	for i := range 3 {
		mesh += fmt.Sprintf("    - {name: f%d, source: %q, triggers: [{type: http, path: /f%d}], scaling: {minReplicas: 1}}\n", i, idle, i)
	}
	if err := os.MkdirAll(filepath.Join(dir, "resources"), 0o755); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"mesh.yaml": mesh, "resources/all.yaml": components(dir, s.name, "state.embedded")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	e, err := engine.Start(ctx, engine.Config{Bin: filepath.Join(root, "bin", "weft"), Dir: dir})
	if err != nil {
		return nil, err
	}
	s.pid = e.PID()
	s.stop = func() error {
		s.app.stop()
		return e.Stop()
	}
	env, err := e.Client.Environment(ctx, "app")
	if err == nil {
		err = s.ready(ctx, env["DAPR_HTTP_ENDPOINT"], strings.TrimPrefix(env["DAPR_GRPC_ENDPOINT"], "http://"), env["DAPR_API_TOKEN"])
	}
	for err == nil && len(children(s.pid)) < 3 { // minReplicas come after readiness
		err = pause(ctx, poll)
	}
	if err != nil {
		_ = s.stop()
		return nil, fmt.Errorf("weft up: %w\n%s", err, e.Output())
	}
	return s, nil
}

// ready waits until the side is healthy, connects, and waits until its
// subscriptions deliver.
func (s *side) ready(ctx context.Context, url, grpc, token string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1.0/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusNoContent {
				break
			}
		}
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("it is not healthy: %w", err)
		}
	}
	if err := os.Setenv("DAPR_API_TOKEN", token); err != nil {
		return err
	}
	var err error
	if s.client, err = dapr.NewClientWithAddressContext(ctx, grpc); err != nil {
		return err
	}
	buses := []string{"bus"}
	if redis() != "" {
		buses = append(buses, "redis")
	}
	for _, bus := range buses {
		for {
			once, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, err := s.publish(once, bus)
			cancel()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("nothing is delivered from %s: %w", bus, errors.Join(err, ctx.Err()))
			}
		}
	}
	return nil
}

// poll is how often it is looked whether something is there.
const poll = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
