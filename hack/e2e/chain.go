package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	chain = "e2e-chain"
	// wakeRounds are how often each chain is woken; the median counts.
	wakeRounds = 5
	// wakeShift is by how much a round begins later than the one before, within a
	// second: a kubelet looks once a second which containers have started, and the
	// pods of the round before went at such a look. Calls come at any time.
	wakeShift = 370 * time.Millisecond
	// wakeShare is the most that the mesh's chain may take of what the plain one
	// takes.
	wakeShare = 0.6

	knativeService = "service.serving.knative.dev/"
)

// plainService is a Knative Service as anybody would write it, that calls the
// next.
const plainService = `apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: %s
  labels: {networking.knative.dev/visibility: cluster-local}
spec:
  template:
    metadata:
      labels: {app: e2e-plain}
      annotations: {autoscaling.knative.dev/max-scale: "3"}
    spec:
      enableServiceLinks: false
      containers:
        - image: %q
          env: [{name: NEXT, value: %q}]
---
`

// answer of the collector's /call.
type answer struct {
	Status int     `json:"status"`
	Body   string  `json:"body"`
	Took   float64 `json:"seconds"`
	Until  float64 `json:"until"`
}

// call has the collector post to an address within the cluster; until is
// KIND/ID of what it waits for, "" for the answer alone.
func (c *collector) call(ctx context.Context, to, until, body string) (answer, error) {
	var a answer
	path := "/call?" + url.Values{"url": {to}, "until": {until}}.Encode()
	status, text, err := c.do(ctx, http.MethodPost, path, []byte(body), nil)
	switch {
	case err != nil:
		return a, err
	case status != http.StatusOK:
		return a, fmt.Errorf("calling %s: %s", to, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, err
	}
	switch {
	case a.Status != http.StatusOK:
		return a, fmt.Errorf("%s answered %d: %s", to, a.Status, a.Body)
	case until != "" && a.Until == 0:
		return a, fmt.Errorf("%s answered, and %s did not happen within a minute", to, until)
	}
	return a, nil
}

// wakeChain wakes three functions by one call of the first, and three plain
// Services that call each other, in turns.
func wakeChain(ctx context.Context, e *env) error {
	if err := e.deploy(ctx, filepath.Join("hack", "e2e", "meshes", "chain.yaml")); err != nil {
		return err
	}
	var services strings.Builder
	for i, name := range []string{"plain-1", "plain-2", "plain-3"} {
		next := ""
		if i < 2 {
			next = fmt.Sprintf("http://plain-%d.%s.svc.cluster.local", i+2, e.namespace)
		}
		fmt.Fprintf(&services, plainService, name, e.images["plain"], next)
	}
	if err := e.apply(ctx, services.String()); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=120s", knativeService+"plain-1", knativeService+"plain-2", knativeService+"plain-3"); err != nil {
		return err
	}
	var woven, plain []float64
	for round := range wakeRounds {
		for range 2 { // the other's pods have gone, too: the machine is as idle for both
			if err := e.asleep(ctx, chain, "app=e2e-plain"); err != nil {
				return err
			}
			if err := pause(ctx, time.Duration(round)*wakeShift%time.Second); err != nil {
				return err
			}
			if len(woven) == round {
				id := fmt.Sprintf("%s-%d", e.prefix("chain"), round)
				a, err := e.collector.call(ctx, "http://"+chain+"-front/first", "chain/"+id, fmt.Sprintf(`{"id":%q}`, id))
				if err != nil {
					return err
				}
				tell("round %d: the mesh's chain: first answered after %.2f s, third was done after %.2f s", round+1, a.Took, a.Until)
				woven = append(woven, a.Until)
				continue
			}
			a, err := e.collector.call(ctx, "http://plain-1."+e.namespace+".svc.cluster.local", "", `{}`)
			if err != nil {
				return err
			}
			tell("round %d: three plain services: %.2f s", round+1, a.Took)
			plain = append(plain, a.Took)
		}
	}
	a, b := median(woven), median(plain)
	e.figure("wake_chain_seconds", round(a), "from zero: three functions of a mesh, without sidecars, until the last is done")
	e.figure("wake_plain_seconds", round(b), "from zero: three plain Knative services, each calling the next")
	e.figure("wake_share", round(a/b), fmt.Sprintf("the first by the second; at most %g", wakeShare))
	if a > wakeShare*b {
		return fmt.Errorf("the chain woke in %.2f s, plain services in %.2f s: more than %g of it", a, b, wakeShare)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func tidyChain(ctx context.Context, e *env) error {
	return e.remove(ctx, "functionmesh/"+chain, knativeService+"plain-1", knativeService+"plain-2", knativeService+"plain-3")
}

// asleep waits until a mesh has no pod but its fronts, and nobody else has pods
// of a selector.
func (e *env) asleep(ctx context.Context, mesh, others string) error {
	if _, err := e.atZero(ctx, mesh, 3*time.Minute); err != nil {
		return err
	}
	_, err := await(ctx, 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		pods, err := list[pod](ctx, e, "pods", others)
		return err == nil && len(pods) == 0, fmt.Sprintf("there are still %d pods of %s", len(pods), others), err
	})
	return err
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// round to what a stopwatch can tell.
func round(x float64) float64 { return float64(int(x*100+0.5)) / 100 }
