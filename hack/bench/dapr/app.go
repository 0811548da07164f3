//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

// app is the application of a side: it notes when an event comes.
type app struct {
	server   *http.Server
	listener net.Listener

	mu      sync.Mutex
	last    int
	waiting map[int]chan time.Time
}

func startApp() (*app, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &app{listener: l, waiting: make(map[int]chan time.Time)}
	a.server = &http.Server{Handler: a}
	go func() { _ = a.server.Serve(l) }()
	return a, nil
}

func (a *app) url() string  { return "http://" + a.listener.Addr().String() }
func (a *app) port() string { return strconv.Itoa(a.listener.Addr().(*net.TCPAddr).Port) }
func (a *app) stop()        { _ = a.server.Close() }

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := time.Now()
	if r.URL.Path != "/events" {
		w.WriteHeader(map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[strings.HasPrefix(r.URL.Path, "/health")])
		return
	}
	var event struct {
		Data struct {
			N int `json:"n"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	a.mu.Lock()
	if ch, ok := a.waiting[event.Data.N]; ok {
		delete(a.waiting, event.Data.N)
		ch <- came
	}
	a.mu.Unlock()
}

// await prepares for the next event and gives its number.
func (a *app) await() (int, <-chan time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	ch := make(chan time.Time, 1)
	a.waiting[a.last] = ch
	return a.last, ch
}

// publish measures from before the call until the application has the event.
func (s *side) publish(ctx context.Context, bus string) (time.Duration, error) {
	n, came := s.app.await()
	start := time.Now()
	err := s.client.PublishEvent(ctx, bus, topic(s.name), fmt.Appendf(nil, `{"n":%d}`, n), dapr.PublishEventWithContentType("application/json"))
	if err != nil {
		return 0, err
	}
	select {
	case at := <-came:
		return at.Sub(start), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("event %d did not come: %w", n, ctx.Err())
	}
}

// value is what is stored: an order's size.
var value = []byte(`{"id":"o-1","customer":"c-1","items":[{"sku":"a","quantity":1},{"sku":"b","quantity":2}],"status":"reserved"}`)

// measures are the operations that are compared.
func measures() []measure {
	var all []measure
	for _, store := range []struct{ name, title string }{
		{"memory", "state.in-memory"}, {"sqlite", "state.sqlite"}, {"kept", "state.sqlite/embedded"},
	} {
		set := func(ctx context.Context, s *side, n int) (time.Duration, error) {
			start := time.Now()
			err := s.client.SaveState(ctx, store.name, "key"+strconv.Itoa(n%100), value, nil)
			return time.Since(start), err
		}
		get := func(ctx context.Context, s *side, n int) (time.Duration, error) {
			start := time.Now()
			item, err := s.client.GetState(ctx, store.name, "key"+strconv.Itoa(n%100), nil)
			took := time.Since(start)
			if err == nil && len(item.Value) == 0 {
				err = errors.New("the value is not there")
			}
			return took, err
		}
		share := 1
		if store.name != "memory" {
			share = 2
		}
		all = append(all, measure{store.title + " set", set, share}, measure{store.title + " get", get, share})
	}
	publish := func(bus string) func(context.Context, *side, int) (time.Duration, error) {
		return func(ctx context.Context, s *side, _ int) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			return s.publish(ctx, bus)
		}
	}
	all = append(all, measure{"pubsub.in-memory publish to delivery", publish("bus"), 1})
	if redis() != "" {
		all = append(all, measure{"pubsub.redis publish to delivery", publish("redis"), 2})
	}
	return all
}

// pss is the proportional set size of a process in MB.
func pss(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
			return 0, nil // not Linux
		}
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			kb, err := strconv.ParseFloat(f[1], 64)
			return round(kb / 1024), err
		}
	}
	return 0, fmt.Errorf("smaps_rollup of process %d names no Pss", pid)
}

// children are the processes that pid has started.
func children(pid int) []int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		if task.Name() != strconv.Itoa(pid) {
			more, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
			b = append(append(b, ' '), more...)
		}
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if p, err := strconv.Atoi(f); err == nil {
			pids = append(pids, p)
		}
	}
	return pids
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
