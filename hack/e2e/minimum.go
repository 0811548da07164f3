package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// functionsOfFileTwo each have a minimum of one replica.
var functionsOfFileTwo = []string{"ingest-order", "validate-inventory", "notify-user"}

// minimum deploys file two, which scales on CPU: its functions keep one replica
// and have a HorizontalPodAutoscaler that measures them.
func minimum(ctx context.Context, e *env) error {
	file, err := e.articleDir("file-two.yaml", func(text string) string {
		return strings.Replace(text, "namespace: production", "namespace: "+e.namespace, 1)
	})
	if err != nil {
		return err
	}
	start := time.Now()
	if err := e.deploy(ctx, file); err != nil {
		return err
	}
	e.figure("file_two_deploy_seconds", seconds(time.Since(start)), "weft deploy of file two: built, pushed, ready")
	ids := ids(e.prefix("two"), 50)
	if err := e.front(article).sendAll(ctx, "/orders", ids, 10, 0, anOrder); err != nil {
		return err
	}
	if _, _, err := e.collector.all(ctx, "mail", ids, 2*time.Minute); err != nil {
		return err
	}
	_, err = await(ctx, 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		for _, f := range functionsOfFileTwo {
			ok, why, err := e.measured(ctx, f)
			if err != nil || !ok {
				return false, f + ": " + why, err
			}
		}
		return true, "", nil
	})
	if err != nil {
		return err
	}
	tell("each function has an HPA that measures it")
	// Longer than it takes others to go to zero.
	const stays = 45 * time.Second
	for end := time.Now().Add(stays); time.Now().Before(end); {
		for _, f := range functionsOfFileTwo {
			pods, err := e.victims(ctx, "", "weft.dev/mesh="+article+",weft.dev/function="+f)
			if err != nil {
				return err
			}
			if len(pods) == 0 {
				return fmt.Errorf("%s has no replica any more, and its minimum is 1", f)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
	tell("after %v without an order each function has its replica", stays)
	return nil
}

// measured says whether a function has an HPA on CPU that scales it.
func (e *env) measured(ctx context.Context, function string) (bool, string, error) {
	hpas, err := list[struct {
		Spec struct {
			MinReplicas int
			MaxReplicas int
			Metrics     []struct {
				Resource struct {
					Name   string
					Target struct{ AverageUtilization int }
				}
			}
		}
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}](ctx, e, "horizontalpodautoscalers", "serving.knative.dev/service="+article+"-"+function)
	if err != nil || len(hpas) != 1 {
		return false, fmt.Sprintf("%d HPAs", len(hpas)), err
	}
	h := hpas[0]
	if h.Spec.MinReplicas != 1 || h.Spec.MaxReplicas != 20 || len(h.Spec.Metrics) != 1 ||
		h.Spec.Metrics[0].Resource.Name != "cpu" || h.Spec.Metrics[0].Resource.Target.AverageUtilization != 70 {
		return false, "", fmt.Errorf("%s: its HPA is %+v, and file two asks for 1 to 20 replicas at 70 %% CPU", function, h.Spec)
	}
	for _, c := range h.Status.Conditions {
		if c.Type == "ScalingActive" {
			return c.Status == "True", "its HPA does not measure it: " + c.Message, nil
		}
	}
	return false, "its HPA has not looked yet", nil
}

func tidyMinimum(ctx context.Context, e *env) error {
	return e.remove(ctx, "functionmesh/"+article)
}
