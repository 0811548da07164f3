package dataplane

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// once is the mesh of these tests: an event has one attempt.
func (c *cluster) once(scaler string) {
	c.write("mesh/mesh.yaml", strings.Replace(fmt.Sprintf(meshFile, scaler, c.nats),
		"condition: result.valid == true}", "condition: result.valid == true, retry: {maxAttempts: 1}}", 1))
}

func (c *cluster) noDeadLetters(at Addresses) {
	c.t.Helper()
	resp, err := http.Get("http://" + at.Metrics + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	for line := range strings.SplitSeq(text(resp), "\n") {
		if strings.Contains(line, "dead_letter") && !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0") {
			c.t.Error(line)
		}
	}
}

// first fails t for an attempt that is not the first.
func first(t *testing.T, r *http.Request) {
	if got := r.Header.Get("Ce-Weftattempt"); got != "1" {
		t.Errorf("attempt %s of an event that nobody failed", got)
	}
}

// A pod of a function that KEDA scales goes, and the function is a moment ahead
// of its dispatcher: calls break that no event is at fault for.
func TestPodGoesFunctionFirst(t *testing.T) {
	const orders = 50
	reached, broke := make(chan struct{}, 10*orders), make(chan struct{})
	c := newCluster(t, "keda", map[string]http.HandlerFunc{"notify-user": func(_ http.ResponseWriter, r *http.Request) {
		first(t, r)
		reached <- struct{}{}
		<-broke
		panic(http.ErrAbortHandler) // the connection breaks
	}})
	c.once("keda")
	at, _ := c.start(c.options(RoleFront))
	for i := range orders {
		c.order(at, fmt.Sprint("o", i))
	}
	pod := c.options(RoleDispatcher)
	pod.Function, pod.Local = "notify-user", c.functions["notify-user"].URL
	podAt, stop := c.start(pod)
	<-reached
	ended := make(chan error)
	go func() { ended <- stop() }()
	c.eventually("the dispatcher is asked to stop", func() bool { return !c.ready(podAt) })
	close(broke)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	called := c.distinct("notify-user")
	healthy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		first(t, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls["next pod"] = append(c.calls["next pod"], r.Header.Get("Ce-Id"))
	}))
	defer healthy.Close()
	pod.Local = healthy.URL
	c.start(pod)
	c.eventually(fmt.Sprintf("the next pod has every event, the %d of the broken calls too", called), func() bool { return c.distinct("next pod") == orders })
	c.noDeadLetters(at)
}

// A function that counts as awake is not there any more: nobody gets the call,
// so no attempt is spent, and the event waits until it is back.
func TestFunctionGoesUnnoticed(t *testing.T) {
	c := newCluster(t, "knative", map[string]http.HandlerFunc{"notify-user": func(_ http.ResponseWriter, r *http.Request) { first(t, r) }})
	c.once("knative")
	at, _ := c.start(c.options(RoleFront))
	c.order(at, "awake")
	c.eventually("notifyUser is awake", func() bool { return c.called("notify-user") == 1 })
	server := c.functions["notify-user"]
	address, handler := strings.TrimPrefix(server.URL, "http://"), server.Config.Handler
	server.Close()
	const orders = 20
	for i := range orders {
		c.order(at, fmt.Sprint("o", i))
	}
	c.eventually("the orders are checked", func() bool { return c.distinct("validate-inventory") == orders+1 })
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	back := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	back.Start()
	t.Cleanup(back.Close)
	c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders+1 })
	c.noDeadLetters(at)
}

// Dispatchers come and go while orders come in: nothing is lost, nothing is a
// dead letter, and no attempt is counted.
func TestDispatchersComeAndGo(t *testing.T) {
	let := make(chan struct{})
	c := newCluster(t, "knative", map[string]http.HandlerFunc{
		"notify-user": func(_ http.ResponseWriter, r *http.Request) { first(t, r) },
		"validate-inventory": func(w http.ResponseWriter, r *http.Request) {
			first(t, r)
			select { // a call lasts until the next dispatcher goes
			case <-let:
			case <-r.Context().Done():
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"valid": true}`)
		},
	})
	c.once("knative")
	at, _ := c.start(c.options(RoleFront))
	const orders = 300
	var posting sync.WaitGroup
	for i := range orders {
		posting.Go(func() { c.order(at, fmt.Sprint("o", i)) })
	}
	for range 4 {
		o := c.options(RoleDispatcher)
		o.Drain = 1 // nanosecond: its calls are cut off
		before := c.called("validate-inventory")
		_, stop := c.start(o)
		c.eventually("it calls", func() bool { return c.called("validate-inventory") > before })
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	close(let)
	posting.Wait()
	c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders })
	c.noDeadLetters(at)
}

// A front that is killed between accepting and storing has not answered; the
// client's next try, with the same key, is stored once, by whichever front.
func TestFrontIsCutOff(t *testing.T) {
	c := newCluster(t, "knative", nil)
	o := c.options(RoleFront)
	o.Drain = 1 // nanosecond: what is under way is cut off
	firstFront, stop := c.start(o)
	second, _ := c.start(c.options(RoleFront))
	const orders = 200
	var posting sync.WaitGroup
	half := make(chan struct{}, orders)
	for i := range orders {
		posting.Go(func() {
			req, _ := http.NewRequest(http.MethodPost, "http://"+firstFront.HTTP+"/orders", strings.NewReader("{}"))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", fmt.Sprint("o", i))
			half <- struct{}{}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return
				}
			}
			c.order(second, fmt.Sprint("o", i))
		})
	}
	for range orders / 2 {
		<-half
	}
	_ = stop() // it may tell what it cut off
	posting.Wait()
	c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders })
	for _, name := range []string{"validate-inventory", "notify-user"} {
		if n := c.distinct(name); n != orders {
			t.Errorf("%s has %d events of %d orders", name, n, orders)
		}
	}
	c.noDeadLetters(second)
}
