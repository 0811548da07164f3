package controller

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// free is an address that nobody listened at a moment ago.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// safeBuffer takes a log while it is read.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Health and metrics are served by all replicas, also by one that waits to lead.
func TestRealServers(t *testing.T) {
	a := connect(t)
	var replicas [2]struct {
		metrics, health string
		log             safeBuffer
	}
	for i := range replicas {
		r := &replicas[i]
		r.metrics, r.health = free(t), free(t)
		a.run(func(o *Options) {
			o.LeaderElection, o.Metrics, o.Health = true, r.metrics, r.health
			o.Logger = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
	}
	a.create(shop)
	a.applied("shop")
	asks := func(address, path, want string) {
		t.Helper()
		a.eventually(path+" has "+want, func() (bool, string) {
			resp, err := http.Get("http://" + address + path)
			if err != nil {
				return false, err.Error()
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(text), want), fmt.Sprintf("%d %.500s %v", resp.StatusCode, text, err)
		})
	}
	for i := range replicas {
		r := &replicas[i]
		asks(r.health, "/healthz", "ok")
		asks(r.health, "/readyz", "ok")
		asks(r.metrics, "/metrics", `controller_runtime_reconcile_total{controller="functionmesh",result="success"}`)
		if text := r.log.String(); strings.Contains(text, "gathering metrics") {
			t.Errorf("replica %d cannot tell the metrics of fronts and dispatchers: %s", i, text)
		}
	}
}
