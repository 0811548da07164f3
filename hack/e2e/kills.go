package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// killEvery is how often a pod is killed while orders come in.
const killEvery = 3 * time.Second

// victims are whose pods are killed, in turns: deleted one time, so that they may
// say goodbye, and by a crash the next.
var victims = []struct {
	name, namespace, selector string // namespace "" is the test's
}{
	{"front", "", "weft.dev/mesh=" + queued + ",weft.dev/role=front"},
	{"dispatcher", "", "weft.dev/mesh=" + queued + ",weft.dev/role=dispatcher"},
	{"function with scaler: keda", "", "weft.dev/mesh=" + queued + ",weft.dev/function=work"},
	{"function", "", "weft.dev/mesh=" + queued + ",weft.dev/function=slow"},
	{"function with an HTTP trigger", "", "weft.dev/mesh=" + queued + ",weft.dev/function=submit"},
	{"controller", systemNamespace, "app.kubernetes.io/name=weft-controller"},
}

// kills ends pods of every kind while events come in and wait, and counts what
// was done with each event that was taken.
func kills(ctx context.Context, e *env) error {
	if err := e.deploy(ctx, backlogFile); err != nil {
		return err
	}
	f := e.front(queued)
	id := e.prefix("kill")
	var all []string
	// Enough waits for dispatchers to come.
	for i := range 20 {
		one := fmt.Sprintf("%s-first-%d", id, i)
		if err := f.send(ctx, "/submit", one, submitted(one, 100, 300)); err != nil {
			return err
		}
		all = append(all, events(one, 100)...)
	}
	_, err := await(ctx, time.Minute, func(ctx context.Context) (bool, string, error) {
		for _, v := range victims {
			pods, err := e.victims(ctx, v.namespace, v.selector)
			if err != nil || len(pods) == 0 {
				return false, "there is no pod of the " + v.name, err
			}
		}
		return true, "", nil
	})
	if err != nil {
		return err
	}
	loaded, stop := context.WithCancel(ctx)
	killed := make(map[string]int)
	var killing error
	var wg sync.WaitGroup
	wg.Go(func() { killing = e.killAll(loaded, killed) })
	const submissions, each = 600, 4
	load := ids(id+"-load", submissions)
	err = f.sendAll(ctx, "/submit", load, 10, 100*time.Millisecond, func(id string) string { return submitted(id, each, 60) })
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	if killing != nil {
		return killing
	}
	for _, id := range load {
		all = append(all, events(id, each)...)
	}
	total := 0
	for _, v := range victims {
		if killed[v.name] == 0 {
			return fmt.Errorf("no pod of the %s was killed", v.name)
		}
		total += killed[v.name]
	}
	tell("killed under load: %v", killed)
	e.figure("kills", total, "pods killed under load")
	for _, function := range []string{"work", "slow"} {
		again, took, err := e.collector.all(ctx, function, all, 4*time.Minute)
		if err != nil {
			return err
		}
		e.figure("kills_"+function+"_again", again, fmt.Sprintf("of %d events were done again, none was lost; the last %.1f s after the load", len(all), took.Seconds()))
	}
	return nil
}

// killAll ends a pod of one kind after the other until ctx ends.
func (e *env) killAll(ctx context.Context, killed map[string]int) error {
	for turn := 0; ; turn++ {
		v := victims[turn%len(victims)]
		pods, err := e.podsIn(ctx, v.namespace, v.selector)
		if pods = running(pods); err == nil && len(pods) > 0 {
			if err = e.kill(ctx, v.namespace, pods[0], turn/len(victims)%2 == 1); err == nil {
				killed[v.name]++
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(killEvery):
		}
	}
}

// kill deletes a pod, or has one of its containers crash if there is a program for
// that. One that is gone already is no error.
func (e *env) kill(ctx context.Context, namespace string, p pod, crash bool) error {
	if !crash || e.killer == "" {
		_, err := e.in(ctx, namespace, "delete", "pod", p.Metadata.Name, "--wait=false", "--ignore-not-found")
		return err
	}
	// One of ours: of a pod with two, either.
	var ours []string
	for _, c := range p.Status.ContainerStatuses {
		if c.Name != "queue-proxy" && c.Name != "daprd" && c.ContainerID != "" {
			ours = append(ours, c.ContainerID)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	_, err := e.command(ctx, nil, e.killer, ours[rand.IntN(len(ours))])
	if err != nil && strings.Contains(err.Error(), "not found") {
		return nil
	}
	return err
}

// victims are the names of the pods of a selector that run.
func (e *env) victims(ctx context.Context, namespace, selector string) ([]string, error) {
	pods, err := e.podsIn(ctx, namespace, selector)
	var names []string
	for _, p := range running(pods) {
		names = append(names, p.Metadata.Name)
	}
	return names, err
}

func running(pods []pod) []pod {
	return slices.DeleteFunc(pods, func(p pod) bool { return p.Status.Phase != "Running" })
}
