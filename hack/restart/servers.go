//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// servers are those that hack/services.sh has started.
type servers struct {
	redis, password string
	// links is the component that carries the links.
	links string
	// restarted are the servers to restart, in turn.
	restarted []string
	ctl, how  string
}

// findServers reads where the servers are; nil if one of them is missing.
// services.sh has seen to it that none is where that is a failure.
func findServers(getenv func(string) string, broker, how string) (*servers, error) {
	if how != "restart" && how != "crash" {
		return nil, fmt.Errorf("-how is %q: restart or crash", how)
	}
	s := &servers{redis: getenv("WEFT_TEST_REDIS"), password: getenv("WEFT_TEST_REDIS_PASSWORD"), ctl: getenv("WEFT_TEST_CTL"), how: how}
	if s.ctl == "" {
		return nil, errors.New("WEFT_TEST_CTL is not set: run hack/restart.sh, which starts the servers")
	}
	switch broker {
	case "nats":
		url := getenv("WEFT_TEST_NATS")
		if url == "" {
			return nil, nil
		}
		s.links = fmt.Sprintf(`{name: links, type: pubsub.jetstream, version: v1, metadata: [{name: natsURL, value: %q}]}`, url)
		s.restarted = []string{"redis", "nats"}
	case "redis":
		s.links = fmt.Sprintf(`{name: links, type: pubsub.redis, version: v1, metadata: [{name: redisHost, value: %q}, {name: redisPassword, value: %q}]}`, s.redis, s.password)
		s.restarted = []string{"redis", "redis"}
	default:
		return nil, fmt.Errorf("-broker is %q: nats or redis", broker)
	}
	if s.redis == "" {
		return nil, nil
	}
	return s, nil
}

// documents are those of local/ that bring the mesh to the servers: the
// article's component with the address of this Redis, and a broker.
func (s *servers) documents() map[string]string {
	return map[string]string{
		"order-state.yaml": fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: order-state}
spec:
  type: state.redis
  version: v1
  metadata:
    - {name: redisHost, value: %q}
    - name: redisPassword
      secretKeyRef: {name: redis-secret, key: password}
---
apiVersion: v1
kind: Secret
metadata: {name: redis-secret}
stringData: {password: %q}
`, s.redis, s.password),
		"broker.yaml": fmt.Sprintf(`apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: order-processing-mesh, namespace: production}
spec:
  broker: links
  components:
    - %s
`, s.links),
	}
}

// restart restarts a server, or kills it and starts it again.
func (s *servers) restart(ctx context.Context, name string) error {
	if out, err := exec.CommandContext(ctx, s.ctl, s.how, name).CombinedOutput(); err != nil {
		return fmt.Errorf("%s of %s: %w\n%s", s.how, name, err, out)
	}
	return nil
}
