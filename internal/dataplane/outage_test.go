package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

// runNATS runs a server with JetStream at an address of loopback; port -1 for
// any.
func runNATS(t *testing.T, dir string, port int) *natsserver.Server {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not take connections")
	}
	return s
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// stopNATS ends the cluster's server; restartNATS begins another at the same
// address, with what the first held or without.
func (c *cluster) stopNATS() {
	c.server.Shutdown()
	c.server.WaitForShutdown()
}

func (c *cluster) restartNATS(dir string) {
	c.server = runNATS(c.t, dir, portOf(c.t, c.nats))
}

// jetStream looks into the cluster's server.
func (c *cluster) jetStream() js.JetStream {
	c.t.Helper()
	nc, err := nats.Connect(c.nats)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	j, err := js.New(nc)
	if err != nil {
		c.t.Fatal(err)
	}
	return j
}

func (c *cluster) ready(at Addresses) bool {
	resp, err := http.Get("http://" + at.Metrics + contract.PathReadiness)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// distinct counts the events that a function was called with, each once.
func (c *cluster) distinct(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make(map[string]bool)
	for _, id := range c.calls[name] {
		ids[id] = true
	}
	return len(ids)
}

// order posts an order until it is accepted, and says how often it was refused
// before. Each refusal must be one that tells to try again.
func (c *cluster) order(at Addresses, id string) (refused int) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); refused++ {
		req, _ := http.NewRequest(http.MethodPost, "http://"+at.HTTP+"/orders", strings.NewReader(`{"id": "`+id+`"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", id)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return refused
		}
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			c.t.Fatalf("answered %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	c.t.Fatalf("order %s was never accepted", id)
	return 0
}

// The server goes away and comes back: not ready meanwhile, orders are refused
// with the word to try again, and what was accepted goes on.
func TestBrokerGoesAndComesBack(t *testing.T) {
	reached, let := make(chan struct{}, 100), make(chan struct{})
	c := newCluster(t, "knative", map[string]http.HandlerFunc{"validate-inventory": func(w http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		<-let
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"valid": true}`)
	}})
	at, _ := c.start(c.options(RoleFront))
	const before = 10
	for i := range before {
		c.order(at, fmt.Sprint("before-", i))
	}
	<-reached
	c.stopNATS()
	c.eventually("the front is not ready", func() bool { return !c.ready(at) })
	close(let) // calls end while there is no broker
	if code, text := c.post("http://"+at.HTTP+"/orders", `{"id": "during"}`); code != http.StatusServiceUnavailable {
		t.Errorf("without a broker an order is answered %d: %s", code, text)
	}
	c.restartNATS(c.storeDir)
	c.eventually("the front is ready", func() bool { return c.ready(at) })
	c.order(at, "after")
	c.eventually("every order is through", func() bool { return c.distinct("notify-user") == before+1 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.calls["validate-inventory"]); n > 2*before+1 {
		t.Errorf("validateInventory was called %d times", n)
	}
}

// A process that starts before its server waits, alive and not ready.
func TestBrokerIsLate(t *testing.T) {
	c := newCluster(t, "knative", nil)
	c.stopNATS()
	o := c.options(RoleFront)
	o.Metrics = freeAddress(t)
	at := Addresses{Metrics: o.Metrics}
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	o.OnReady = func(a Addresses) { ready <- a }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- Run(ctx, o) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	c.eventually("it is alive and says what it waits for", func() bool {
		resp, err := http.Get("http://" + at.Metrics + contract.PathReadiness)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(text(resp), "NATS cannot be reached")
	})
	c.restartNATS(c.storeDir)
	select {
	case at = <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("it ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("it never got ready")
	}
	c.order(at, "o1")
	c.eventually("the order is through", func() bool { return c.distinct("notify-user") == 1 })
}

// A process that waits for its server ends when it is asked to.
func TestStopsWhileItWaits(t *testing.T) {
	c := newCluster(t, "knative", nil)
	c.stopNATS()
	o := c.options(RoleDispatcher)
	o.Metrics = freeAddress(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	c.eventually("it is alive", func() bool {
		resp, err := http.Get("http://" + o.Metrics + contract.PathLiveness)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What was deleted at the server is made anew: a stream, a consumer, all.
func TestBrokerLosesQueues(t *testing.T) {
	cases := map[string]struct {
		reason string
		lose   func(c *cluster, j js.JetStream) error
	}{
		"consumer": {"events stay in the stream", func(_ *cluster, j js.JetStream) error {
			return j.DeleteConsumer(context.Background(), "WEFT_default_shop_validate-inventory", "dispatcher")
		}},
		"stream": {"one queue is gone", func(_ *cluster, j js.JetStream) error {
			return j.DeleteStream(context.Background(), "WEFT_default_shop_validate-inventory")
		}},
		"all": {"a server without its disk", func(c *cluster, _ js.JetStream) error {
			c.stopNATS()
			c.restartNATS(t.TempDir())
			return nil
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, "knative", nil)
			at, _ := c.start(c.options(RoleFront))
			c.order(at, "first")
			c.eventually("the first order is through", func() bool { return c.distinct("notify-user") == 1 })
			if err := tc.lose(c, c.jetStream()); err != nil {
				t.Fatal(err)
			}
			c.order(at, "second")
			c.eventually("the second order is through: "+tc.reason, func() bool { return c.distinct("notify-user") == 2 })
			c.eventually("the front is ready", func() bool { return c.ready(at) })
		})
	}
}

// Two fronts and three dispatchers share the queues: every order is handled,
// and none twice while nothing fails.
func TestManyShareTheQueues(t *testing.T) {
	c := newCluster(t, "knative", nil)
	var fronts []Addresses
	for range 2 {
		at, _ := c.start(c.options(RoleFront))
		fronts = append(fronts, at)
	}
	for range 3 {
		c.start(c.options(RoleDispatcher))
	}
	const orders = 300
	var posting sync.WaitGroup
	for i := range orders {
		posting.Go(func() { c.order(fronts[i%2], fmt.Sprint("o", i)) })
	}
	posting.Wait()
	c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders })
	for _, name := range []string{"validate-inventory", "notify-user"} {
		if n := c.called(name); n != orders {
			t.Errorf("%s was called %d times for %d orders", name, n, orders)
		}
	}
}

// A shutdown in the middle of a burst spends no attempt and makes no dead
// letter, though a call outlives the drain.
func TestStopInABurst(t *testing.T) {
	cases := map[string]struct {
		reason string
		drain  time.Duration
	}{
		"within":   {"calls end within the drain", 20 * time.Second},
		"outlived": {"calls are cut off", 50 * time.Millisecond},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			const orders = 500
			reached, let := make(chan struct{}, 10*orders), make(chan struct{})
			release := sync.OnceFunc(func() { close(let) })
			t.Cleanup(release)
			c := newCluster(t, "knative", map[string]http.HandlerFunc{"validate-inventory": func(w http.ResponseWriter, r *http.Request) {
				reached <- struct{}{}
				select {
				case <-let:
				case <-r.Context().Done():
					return
				}
				if got := r.Header.Get("Ce-Weftattempt"); got != "1" {
					t.Errorf("%s: attempt %s of an event that nobody failed", tc.reason, got)
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"valid": true}`)
			}})
			o := c.options(RoleFront)
			o.Drain = tc.drain
			at, stop := c.start(o)
			var posting sync.WaitGroup
			for i := range orders {
				posting.Go(func() { c.order(at, fmt.Sprint("o", i)) })
			}
			posting.Wait()
			<-reached
			if name == "within" {
				release()
			}
			if err := stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
			release()
			second, _ := c.start(c.options(RoleFront))
			c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders })
			resp, err := http.Get("http://" + second.Metrics + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for line := range strings.SplitSeq(text(resp), "\n") {
				if strings.Contains(line, "dead_letter") && !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0") {
					t.Errorf("%s: %s", tc.reason, line)
				}
			}
		})
	}
}

// A function that does not wake holds up nobody but itself, and spends no
// attempt.
func TestSleeperHoldsUpNobody(t *testing.T) {
	c := newCluster(t, "knative", nil)
	c.write("mesh/mesh.yaml", strings.NewReplacer(
		"    - {name: notifyUser", "    - {name: sleeper}\n    - {name: notifyUser",
		"  connections:\n", "  connections:\n    - {from: ingestOrder, to: sleeper}\n",
	).Replace(fmt.Sprintf(meshFile, "knative", c.nats)))
	c.write("tokens/sleeper", "token-of-sleeper")
	o := c.options(RoleFront)
	address := freeAddress(t)
	o.Address = func(f *mesh.Function) string {
		if f.Name == "sleeper" {
			return "http://" + address
		}
		return c.functions[f.KubeName].URL
	}
	at, _ := c.start(o)
	const orders = 400
	var posting sync.WaitGroup
	for i := range orders {
		posting.Go(func() { c.order(at, fmt.Sprint("o", i)) })
	}
	posting.Wait()
	c.eventually("the others handle all orders", func() bool { return c.distinct("notify-user") == orders })
}

// freeAddress is one of loopback where nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func text(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
