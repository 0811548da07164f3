package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

const (
	queued = "e2e-backlog"
	// wokenWithin is how long the function that KEDA scales may take to see an
	// event.
	wokenWithin = 3.0
)

// backlogFile is the mesh with a function of either scaler behind queues.
var backlogFile = filepath.Join("hack", "e2e", "meshes", "backlog.yaml")

// submitted is a call of the function submit, which makes count events for each
// of the two others.
func submitted(id string, count, milliseconds int) string {
	return fmt.Sprintf(`{"id":%q,"count":%d,"milliseconds":%d}`, id, count, milliseconds)
}

// events are the ids of what submit makes of an id.
func events(id string, count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", id, i)
	}
	return all
}

// wakeKEDA times one event for a function with scaler: keda that is at zero.
func wakeKEDA(ctx context.Context, e *env) error {
	if err := e.deploy(ctx, backlogFile); err != nil {
		return err
	}
	var took []float64
	for round := range wakeRounds {
		if _, err := e.atZero(ctx, queued, 4*time.Minute); err != nil {
			return err
		}
		// Who makes the event is awake: the time is that of its way alone.
		id := fmt.Sprintf("%s-%d", e.prefix("keda"), round)
		submit := "http://" + queued + "-front/submit"
		if _, err := e.collector.call(ctx, submit, "", submitted(id+"-none", 0, 0)); err != nil {
			return err
		}
		a, err := e.collector.call(ctx, submit, "work/"+id+"-0", submitted(id, 1, 0))
		if err != nil {
			return err
		}
		tell("round %d: %.2f s", round+1, a.Until)
		took = append(took, a.Until)
	}
	m := median(took)
	e.figure("wake_keda_seconds", round(m), fmt.Sprintf("a function with scaler: keda, from zero, until it has done its event; at most %g", wokenWithin))
	if m > wokenWithin {
		return fmt.Errorf("it took %.2f s, more than %g s", m, wokenWithin)
	}
	return nil
}

// backlog has 2,000 events wait for each of two functions, and looks how many
// replicas come for them, and go.
func backlog(ctx context.Context, e *env) error {
	if err := e.deploy(ctx, backlogFile); err != nil {
		return err
	}
	const count, milliseconds = 2000, 500
	watch := e.watch(ctx)
	id := e.prefix("backlog")
	start := time.Now()
	// In calls of 100: each is taken as a whole.
	for i := range count / 100 {
		one := fmt.Sprintf("%s-%d", id, i)
		if err := e.front(queued).send(ctx, "/submit", one, submitted(one, 100, milliseconds)); err != nil {
			return err
		}
	}
	taken := time.Since(start)
	var all []string
	for i := range count / 100 {
		all = append(all, events(fmt.Sprintf("%s-%d", id, i), 100)...)
	}
	for _, function := range []string{"work", "slow"} {
		again, _, err := e.collector.all(ctx, function, all, 5*time.Minute)
		if err != nil {
			return err
		}
		e.figure("backlog_"+function+"_seconds", seconds(time.Since(start)), fmt.Sprintf("until %d events of half a second were done, %d of them again", count, again))
	}
	e.figure("backlog_taken_seconds", seconds(taken), fmt.Sprintf("until %d events were in two queues", 2*count))
	begun := time.Now()
	if _, err := e.atZero(ctx, queued, 4*time.Minute); err != nil {
		return err
	}
	e.figure("backlog_to_zero_seconds", seconds(time.Since(begun)), "from the last event until no pod but the front's was left")
	most := watch()
	e.figure("backlog_dispatchers", most[queued+"-dispatcher"], "dispatchers beside the front's, at most")
	e.figure("backlog_work_replicas", most[queued+"-work"], "replicas of the function with scaler: keda, at most")
	for _, name := range []string{queued + "-dispatcher", queued + "-work"} {
		if most[name] < 2 {
			return fmt.Errorf("%s had %d replicas at most, and %d events call for more", name, most[name], count)
		}
	}
	return nil
}

func tidyBacklog(ctx context.Context, e *env) error {
	return e.remove(ctx, "functionmesh/"+queued)
}

// watch notes the most ready replicas that Deployments have, until it is asked.
func (e *env) watch(ctx context.Context) func() map[string]int {
	most := make(map[string]int)
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			all, err := list[struct {
				Metadata struct{ Name string }
				Status   struct{ ReadyReplicas int }
			}](ctx, e, "deployments", "weft.dev/mesh")
			for _, d := range all {
				if err == nil {
					most[d.Metadata.Name] = max(most[d.Metadata.Name], d.Status.ReadyReplicas)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	})
	return func() map[string]int {
		stop()
		wg.Wait()
		return most
	}
}
