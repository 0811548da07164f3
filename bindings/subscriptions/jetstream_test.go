package subscriptions

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/mesh/delivery"
)

// natsd runs a NATS server with a stream of the topic orders; port 0 is any.
func natsd(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	if port == 0 {
		port = -1
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func withStream(t *testing.T, s *server.Server) *server.Server {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func jetstreamBus(url string) string {
	return fmt.Sprintf(`  components:
    - name: bus
      type: pubsub.jetstream
      version: v1
      metadata:
        - {name: natsURL, value: %q}
        - {name: durableName, value: "{appID}"}
        - {name: queueGroupName, value: "{appID}"}
        - {name: ackWait, value: 1s}
`, url)
}

const plainOrders = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec: {pubsubname: bus, topic: orders, routes: {default: /orders}}
scopes: [ship]
`

// seen counts the events that a function has answered 2xx, by id.
type seen struct {
	mu    sync.Mutex
	by    map[string]int
	fails func(id string, call int) bool
	calls map[string]int
}

func newSeen(fails func(id string, call int) bool) *seen {
	return &seen{by: make(map[string]int), calls: make(map[string]int), fails: fails}
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	var event struct{ ID string }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[event.ID]++
	if s.fails != nil && s.fails(event.ID, s.calls[event.ID]) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.by[event.ID]++
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by)
}

// TestRedelivery has the broker bring again what failed.
func TestRedelivery(t *testing.T) {
	r := newRig(t, ship, jetstreamBus(withStream(t, natsd(t, t.TempDir(), 0)).ClientURL()), plainOrders)
	s := newSeen(func(id string, call int) bool { return id == "3" && call == 1 })
	r.serve("ship", s)
	m, _ := r.run(1)
	r.asked("ship")
	r.fail("ship", &delivery.UnavailableError{Function: "ship", Reason: "does not build"})
	for i := range 5 {
		r.publish("orders", fmt.Sprint(i), "x")
	}
	r.eventually("returned messages", func() bool { return m.Counts()[0].Retried >= 5 })
	r.fail("ship", nil)
	r.eventually("all messages", func() bool { return s.count() == 5 })
}

// tapped says whether a subscription of the component is held.
func tapped(instance pubsub.PubSub) bool {
	taps.Lock()
	defer taps.Unlock()
	for k := range taps.of {
		if k.instance == instance {
			return true
		}
	}
	return false
}

// TestGenerations replaces managers while messages flow: the next one starts
// before the last one stops, and nothing is lost.
func TestGenerations(t *testing.T) {
	cases := map[string]struct {
		reason     string
		components string
		once       bool
	}{
		"durable": {
			reason:     "a broker keeps what is not acknowledged",
			components: jetstreamBus(withStream(t, natsd(t, t.TempDir(), 0)).ClientURL()),
		},
		"in process": {
			reason:     "a component in the process is shared by the generations, and so are its subscriptions",
			components: bus, once: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ship, tc.components, plainOrders)
			s := newSeen(nil)
			r.serve("ship", s)
			_, stop := r.run(1)
			const generations, each = 4, 100
			set := r.set
			from := publisher{t, r.open(set)}
			defer from.set.Close()
			for g := range generations {
				published := make(chan struct{})
				go func() {
					defer close(published)
					for i := range each {
						from.publish("orders", fmt.Sprintf("%d-%d", g, i), "x")
					}
				}()
				next := r.open(set)
				m := r.manager(next)
				stopNext := r.start(m)
				stop()
				if err := set.Close(); err != nil {
					t.Error(err)
				}
				set, stop = next, stopNext
				<-published
				r.active(m, 1)
			}
			r.eventually("every message ("+tc.reason+")", func() bool { return s.count() == generations*each })
			stop()
			if err := set.Close(); err != nil {
				t.Error(err)
			}
			r.eventually("end of the subscription", func() bool { return !tapped(set.PubSub("bus").Publisher()) })
			for id, n := range s.by {
				if tc.once && n > 1 {
					t.Errorf("%s came %d times", id, n)
				}
			}
		})
	}
}

// TestServerDown has the component's server down when the manager starts.
func TestServerDown(t *testing.T) {
	dir := t.TempDir()
	first := withStream(t, natsd(t, dir, 0))
	r := newRig(t, ship, jetstreamBus(first.ClientURL()), plainOrders)
	s := newSeen(nil)
	r.serve("ship", s)
	port := first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()

	m := r.manager(r.set)
	r.start(m)
	r.eventually("word of it", func() bool { return r.log.count("not subscribed yet") == 1 })
	if got := m.Active(); len(got) != 0 {
		t.Errorf("in force while the server is down: %+v", got)
	}
	natsd(t, dir, port)
	r.active(m, 1)
	r.eventually("word of its end", func() bool { return r.log.count("subscribed after all") == 1 })
	r.publish("orders", "1", "x")
	r.eventually("the message", func() bool { return s.count() == 1 })
}
