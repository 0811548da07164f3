package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// prometheus gives the name that the article's ScaledObject asks, which the
// operator of KEDA looks up in its own namespace, to the collector.
const prometheus = `apiVersion: v1
kind: Service
metadata: {name: prometheus, labels: {weft.dev/e2e: ""}}
spec: {type: ExternalName, externalName: collector.%s.svc.cluster.local}
---
`

// foreignScaler has the article's own ScaledObject scale the dispatchers, word
// for word, by what a Prometheus would say.
func foreignScaler(ctx context.Context, e *env) error {
	text, err := os.ReadFile(filepath.Join(e.root, "samples", "article", "scaledobject.yaml"))
	if err != nil {
		return err
	}
	if out, err := e.in(ctx, e.keda, "get", "service", "-l", "!weft.dev/e2e", "--field-selector=metadata.name=prometheus", "-o", "name"); err != nil {
		return err
	} else if len(out) > 0 {
		return fmt.Errorf("there is a Service prometheus in %s, whose place the test would take", e.keda)
	}
	if _, err := e.command(ctx, fmt.Appendf(nil, prometheus, e.namespace), "kubectl", "--namespace", e.keda, "apply", "-f", "-"); err != nil {
		return err
	}
	if err := e.load(ctx, 0); err != nil {
		return err
	}
	if err := e.apply(ctx, string(text)); err != nil {
		return err
	}
	if _, err := await(ctx, time.Minute, e.scaledBy(article, "order-mesh-scaler", article)); err != nil {
		return fmt.Errorf("the article's ScaledObject does not take over: %w", err)
	}
	tell("order-mesh-scaler has taken over, and Weft's is gone")
	const load, replicas = 15, 3 // the threshold is 5
	if err := e.load(ctx, load); err != nil {
		return err
	}
	took, err := await(ctx, 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		pods, err := e.pods(ctx, "weft.dev/mesh="+article+",weft.dev/role=dispatcher")
		return err == nil && len(pods) == replicas, fmt.Sprintf("%d dispatchers, and the article's ScaledObject asks for %d", len(pods), replicas), err
	})
	if err != nil {
		return err
	}
	tell("it has scaled the dispatchers to %d in %.0f s", replicas, took.Seconds())
	if _, err := e.kubectl(ctx, "delete", "scaledobject", "order-mesh-scaler", "--timeout=60s"); err != nil {
		return err
	}
	if _, err := await(ctx, time.Minute, e.scaledBy(article, article+"-dispatcher", article+"-dispatcher")); err != nil {
		return fmt.Errorf("the ScaledObject of Weft does not come back: %w", err)
	}
	tell("it is gone, and Weft's is back")
	return nil
}

func tidyScaler(ctx context.Context, e *env) error {
	if err := e.remove(ctx, "scaledobject/order-mesh-scaler"); err != nil {
		return err
	}
	_, err := e.in(ctx, e.keda, "delete", "service", "-l", "weft.dev/e2e", "--ignore-not-found")
	return err
}

// load is what the collector says as a Prometheus.
func (e *env) load(ctx context.Context, n int) error {
	status, text, err := e.collector.do(ctx, http.MethodPost, fmt.Sprintf("/load/%d", n), nil, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the collector answered %d: %s", status, text)
	}
	return err
}

// scaledBy says whether a mesh's dispatchers have one ScaledObject alone, on this
// Deployment, and it is ready, and whether the mesh says so if it is not its own.
func (e *env) scaledBy(mesh, name, target string) func(context.Context) (bool, string, error) {
	return func(ctx context.Context) (bool, string, error) {
		type condition struct{ Type, Status, Reason, Message string }
		all, err := list[struct {
			Metadata struct{ Name string }
			Spec     struct{ ScaleTargetRef struct{ Name string } }
			Status   struct{ Conditions []condition }
		}](ctx, e, "scaledobjects", "")
		if err != nil {
			return false, "", err
		}
		var names []string
		ready := false
		for _, s := range all {
			if to := s.Spec.ScaleTargetRef.Name; to != mesh && to != mesh+"-dispatcher" {
				continue
			}
			names = append(names, s.Metadata.Name+" on "+s.Spec.ScaleTargetRef.Name)
			ready = slices.ContainsFunc(s.Status.Conditions, func(c condition) bool { return c.Type == "Ready" && c.Status == "True" })
		}
		meshes, err := list[struct {
			Metadata struct{ Name string }
			Status   struct{ Conditions []condition }
		}](ctx, e, "functionmeshes", "")
		said := false
		for _, m := range meshes {
			if m.Metadata.Name == mesh {
				said = slices.ContainsFunc(m.Status.Conditions, func(c condition) bool {
					return c.Type == "ScalingHonoured" && strings.Contains(c.Message, "order-mesh-scaler")
				})
			}
		}
		return err == nil && ready && said == (name != target) && slices.Equal(names, []string{name + " on " + target}),
			fmt.Sprintf("the ScaledObjects of %s are %s (ready: %t); the mesh speaks of a foreign one: %t", mesh, strings.Join(names, ", "), ready, said), err
	}
}
