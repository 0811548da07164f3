package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/internal/cluster"
)

// front is a mesh's front as a client beyond the cluster has it: a forwarded
// port, made anew whenever the pod behind it goes away.
type front struct {
	open func(context.Context) (*cluster.Forward, error)

	mu     sync.Mutex
	now    *cluster.Forward
	again  int    // requests that were sent again
	why    string // the last of them
	client *http.Client
}

// front of a mesh.
func (e *env) front(mesh string) *front {
	if e.fronts[mesh] == nil {
		e.fronts[mesh] = newFront(func(ctx context.Context) (*cluster.Forward, error) { return e.cluster.Front(ctx, mesh, 8080) })
	}
	return e.fronts[mesh]
}

func newFront(open func(context.Context) (*cluster.Forward, error)) *front {
	f := &front{open: open}
	f.client = &http.Client{Timeout: 90 * time.Second, Transport: &http.Transport{
		DialContext: f.dial, MaxIdleConnsPerHost: 100,
	}}
	return f
}

// dial connects to the port, wherever it is.
func (f *front) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil {
		forward, err := f.open(ctx)
		if err != nil {
			return nil, err
		}
		f.now = forward
	}
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, f.now.Address)
	if err != nil {
		f.dropLocked()
	}
	return conn, err
}

// drop has the next request look for a pod again.
func (f *front) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropLocked()
}

func (f *front) dropLocked() {
	if f.now != nil {
		_ = f.now.Close() // it is of no use any more
		f.now = nil
	}
	f.client.CloseIdleConnections()
}

func (f *front) close() { f.drop() }

// do sends a request and returns status and body.
func (f *front) do(ctx context.Context, method, path string, body []byte, header map[string]string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://front"+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, text, err
}

// anOrder is an order of the article; its id is its Idempotency-Key.
func anOrder(string) string {
	return `{"customerId":"c-1","items":[{"sku":"` + sku + `","quantity":1}]}`
}

// send posts a body, again and again with the same key, until it is taken.
func (f *front) send(ctx context.Context, path, id, body string) error {
	last := "never sent"
	for {
		status, text, err := f.do(ctx, http.MethodPost, path, []byte(body), map[string]string{"Idempotency-Key": id})
		switch {
		case err != nil:
			last = err.Error()
			if ctx.Err() == nil {
				f.drop()
			}
		case status/100 == 2:
			return nil
		default:
			last = fmt.Sprintf("%d: %s", status, text)
			if status < 500 && status != http.StatusNotFound && status != http.StatusTooManyRequests {
				return fmt.Errorf("%s: %s", id, last)
			}
		}
		f.mu.Lock()
		f.again, f.why = f.again+1, last
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; the last answer: %s", id, context.Cause(ctx), last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ids that begin so.
func ids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%05d", prefix, i)
	}
	return all
}

// sendAll sends one body for each id, so many at a time, at most one in a gap.
func (f *front) sendAll(ctx context.Context, path string, ids []string, atOnce int, gap time.Duration, body func(id string) string) error {
	next := make(chan string)
	failed := make(chan error, atOnce)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for id := range next {
				if err := f.send(ctx, path, id, body(id)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
send:
	for _, id := range ids {
		select {
		case next <- id:
		case err = <-failed:
			break send
		}
		time.Sleep(gap) // the rate at which clients come
	}
	close(next)
	wg.Wait()
	select {
	case err = <-failed:
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again > 0 {
		tell("%d requests were sent again, such as one that got: %s", f.again, strings.TrimSpace(f.why))
		f.again = 0
	}
	return err
}

// collector is the one that sees effects.
type collector struct{ *front }

func (e *env) openCollector() {
	e.collector = &collector{newFront(func(ctx context.Context) (*cluster.Forward, error) { return e.cluster.Pod(ctx, "collector", 8080) })}
}

func (c *collector) close() {
	if c != nil {
		c.front.close()
	}
}

// seen returns how often a kind of thing happened, by id.
func (c *collector) seen(ctx context.Context, kind string) (map[string]int, error) {
	status, text, err := c.do(ctx, http.MethodGet, "/seen/"+kind, nil, nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the collector answered %d: %w", status, err)
	}
	var all map[string]int
	return all, json.Unmarshal(text, &all)
}

// wait returns once the thing happened.
func (c *collector) wait(ctx context.Context, kind, id string, most time.Duration) error {
	status, text, err := c.do(ctx, http.MethodGet, "/wait/"+kind+"/"+id+"?for="+most.String(), nil, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s of %s: %s", kind, id, strings.TrimSpace(string(text)))
	}
	return nil
}

// all waits until it happened for every id, and returns how often beyond once.
func (c *collector) all(ctx context.Context, kind string, ids []string, within time.Duration) (again int, took time.Duration, err error) {
	took, err = await(ctx, within, func(ctx context.Context) (bool, string, error) {
		seen, err := c.seen(ctx, kind)
		if err != nil {
			c.drop()
			return false, err.Error(), nil
		}
		missing := 0
		again = 0
		one := ""
		for _, id := range ids {
			switch n := seen[id]; {
			case n == 0:
				missing++
				one = id
			default:
				again += n - 1
			}
		}
		return missing == 0, fmt.Sprintf("%s: %d of %d are missing, such as %s", kind, missing, len(ids), one), nil
	})
	return again, took, err
}
