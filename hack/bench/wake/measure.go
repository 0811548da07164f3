package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

const (
	// backlog is what makes dispatchers wake: more than the 100 events that the
	// front is meant to dispatch. Each takes slowly so long.
	backlog = 400
	slowly  = 150
	// zeroWithin bounds the wait until all is at zero, wokenWithin that for one
	// who wakes.
	zeroWithin  = 5 * time.Minute
	wokenWithin = 2 * time.Minute
	// phase is longer than KEDA's interval, so that events come at any time of it.
	phase = 3 * time.Second
)

// function measures from an event that is durable to its handler.
func (c *cluster) function(ctx context.Context, mesh string) (time.Duration, error) {
	if err := c.zero(ctx, mesh, mesh+"-woken"); err != nil {
		return 0, err
	}
	id := fmt.Sprint(rand.Int64())
	called := c.expect(id)
	if err := c.publish(ctx, mesh, "woken", id, 0); err != nil {
		return 0, err
	}
	durable := time.Now()
	select {
	case at := <-called:
		return at.Sub(durable), nil
	case <-time.After(wokenWithin):
		return 0, fmt.Errorf("the handler was not called within %v", wokenWithin)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// dispatchers measures from a backlog to a container that runs.
func (c *cluster) dispatchers(ctx context.Context, mesh string) (time.Duration, error) {
	name := mesh + "-dispatcher"
	if err := c.zero(ctx, mesh, name); err != nil {
		return 0, err
	}
	for range backlog {
		if err := c.publish(ctx, mesh, "slow", "", slowly); err != nil {
			return 0, err
		}
	}
	durable := time.Now()
	err := c.await(ctx, wokenWithin, 50*time.Millisecond, func() (bool, error) {
		out, err := c.kubectl(ctx, "get", "pods", "-l", "weft.dev/role=dispatcher,weft.dev/mesh="+mesh, "-o", "jsonpath={.items[*].status.containerStatuses[*].started}")
		return strings.Contains(out, "true"), err
	})
	return time.Since(durable), err
}

// zero waits until a Deployment has no pods, and then some time.
func (c *cluster) zero(ctx context.Context, mesh, deployment string) error {
	err := c.await(ctx, zeroWithin, 300*time.Millisecond, func() (bool, error) {
		replicas, err := c.kubectl(ctx, "get", "deployment", deployment, "-o", "jsonpath={.spec.replicas}")
		if err != nil || replicas != "0" {
			return false, err
		}
		pods, err := c.kubectl(ctx, "get", "pods", "-l", "weft.dev/mesh="+mesh, "-o", "name")
		return !strings.Contains(pods, "/"+deployment+"-"), err
	})
	if err != nil {
		return fmt.Errorf("%s does not go to zero: %w", deployment, err)
	}
	select {
	case <-time.After(rand.N(phase)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// publish returns once an event is durable in a queue.
func (c *cluster) publish(ctx context.Context, mesh, queue, id string, milliseconds int) error {
	data, err := json.Marshal(map[string]any{"id": id, "milliseconds": milliseconds})
	if err != nil {
		return err
	}
	e := event.New()
	e.SetID(fmt.Sprint(rand.Int64()))
	e.SetSource("/weft-wake")
	e.SetType("wake")
	if err := e.SetData("application/json", data); err != nil {
		return err
	}
	return c.brokers[mesh].Publish(ctx, queue, &e)
}

func (c *cluster) await(ctx context.Context, within, every time.Duration, done func() (bool, error)) error {
	for end := time.Now().Add(within); ; {
		ok, err := done()
		switch {
		case ok || err != nil:
			return err
		case time.Now().After(end):
			return fmt.Errorf("after %v", within)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// summary gives seconds.
func summary(took []time.Duration) string {
	if len(took) == 0 {
		return "nothing"
	}
	took = slices.Sorted(slices.Values(took))
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	at := func(p int) float64 { return took[min(len(took)-1, len(took)*p/100)].Seconds() }
	return fmt.Sprintf("n %d, mean %.2f, p50 %.2f, p95 %.2f, max %.2f s", len(took), (sum / time.Duration(len(took))).Seconds(), at(50), at(95), at(100))
}
