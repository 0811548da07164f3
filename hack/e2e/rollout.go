package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const rolled = "e2e-rollout"

// rollout gives another image of a function a part of the calls, all of them,
// and none again, while somebody calls all the time.
func rollout(ctx context.Context, e *env) error {
	if err := e.deployTraffic(ctx, ""); err != nil {
		return err
	}
	calls := e.callAll(ctx)
	defer calls.stop()
	for _, share := range []struct {
		percent     int
		least, most float64 // of the calls that the new image may answer
	}{
		{0, 0, 0}, {20, 0.08, 0.34}, {100, 1, 1}, {0, 0, 0},
	} {
		traffic := ""
		if share.percent > 0 {
			traffic = fmt.Sprintf("\n      traffic: [{image: %q, percent: %d, tag: next}]", e.images["versionNext"], share.percent)
		}
		if err := e.deployTraffic(ctx, traffic); err != nil {
			return err
		}
		// The ingress knows a little after the Service says so.
		_, err := await(ctx, time.Minute, func(ctx context.Context) (bool, string, error) {
			const n = 100
			two := 0
			for range n {
				answer, err := calls.one(ctx)
				if err != nil {
					return false, "", err
				}
				if answer == "two" {
					two++
				}
			}
			got := float64(two) / n
			if got < share.least || got > share.most {
				return false, fmt.Sprintf("%d %% are for the new image, and it answered %d of %d calls", share.percent, two, n), nil
			}
			tell("%d %% for the new image: it answered %d of %d calls", share.percent, two, n)
			return true, "", nil
		})
		if err != nil {
			return err
		}
	}
	n, failed := calls.stop()
	e.figure("rollout_calls", n, "calls while shares changed")
	e.figure("rollout_failed", len(failed), "of them failed")
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d calls failed while shares changed, such as: %s", len(failed), n, failed[0])
	}
	return nil
}

func tidyRollout(ctx context.Context, e *env) error {
	return e.remove(ctx, "functionmesh/"+rolled)
}

// deployTraffic deploys the mesh with this after its function's scaling.
func (e *env) deployTraffic(ctx context.Context, traffic string) error {
	text, err := os.ReadFile(filepath.Join(e.root, "hack", "e2e", "meshes", "rollout.yaml"))
	if err != nil {
		return err
	}
	dir := filepath.Join(e.dir, "rollout")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	source := fmt.Sprintf("\n      source: %q", filepath.Join(e.root, "hack", "e2e", "meshes", "functions", "version"))
	file := filepath.Join(dir, "mesh.yaml")
	if err := os.WriteFile(file, []byte(strings.TrimRight(string(text), "\n")+source+traffic+"\n"), 0o644); err != nil {
		return err
	}
	return e.deploy(ctx, file)
}

// calls are made one after another until they are stopped.
type calls struct {
	one  func(context.Context) (string, error)
	stop func() (n int, failed []string)
}

func (e *env) callAll(ctx context.Context) calls {
	one := func(ctx context.Context) (string, error) {
		status, text, err := e.front(rolled).do(ctx, http.MethodGet, "/version", nil, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d: %s", status, text)
		}
		return string(text), err
	}
	ctx, cancel := context.WithCancel(ctx)
	n, failed := 0, []string(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := one(ctx); err != nil && ctx.Err() == nil {
				failed = append(failed, err.Error())
			}
			n++
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return calls{one, func() (int, []string) { cancel(); wg.Wait(); return n, failed }}
}
