// Command collector stands in a cluster beside the meshes under test and sees
// what they do to the world: mail that comes over SMTP, and what functions
// report. It also calls Services that only the cluster reaches. It keeps all
// in memory, so nothing restarts it while a test runs.
//
//	POST /seen/KIND/ID       notes that KIND happened for ID
//	GET  /seen/KIND          how often, by ID, as a JSON object; mail is the kind of mail, by order,
//	                         and mixed that of mail whose subject is about another order
//	GET  /wait/KIND/ID       answers once it happened, or 504 after ?for=DURATION
//	POST /call?url=URL       posts the body there and answers the status, and how long it took;
//	                         with &until=KIND/ID, how long it took until that had happened, too
//	POST /load/NUMBER        is what GET /api/v1/query answers, as Prometheus does, to whatever it is asked
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/samples/order-processing/mailbox"
)

func main() {
	c := &collector{seen: make(map[string]map[string]int), changed: make(chan struct{})}
	l, err := net.Listen("tcp", ":1025")
	if err != nil {
		log.Fatal(err)
	}
	mailbox.Serve(l, func(m mailbox.Message) error {
		id, ok := effects.OrderID(m.Body)
		if !ok {
			return fmt.Errorf("%q is about no order", m.Body)
		}
		c.note("mail", id)
		if subject, _ := effects.OrderID(m.Subject); subject != id {
			c.note("mixed", id)
		}
		return nil
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(":"+port, c.handler()))
}

type collector struct {
	mu      sync.Mutex
	load    float64 // what a Prometheus would have measured
	seen    map[string]map[string]int
	changed chan struct{} // closed at the next change
}

func (c *collector) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /health/readiness", func(http.ResponseWriter, *http.Request) {})
	m.HandleFunc("POST /seen/{kind}/{id}", func(_ http.ResponseWriter, r *http.Request) {
		c.note(r.PathValue("kind"), r.PathValue("id"))
	})
	m.HandleFunc("GET /seen/{kind}", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		b, err := json.Marshal(c.seen[r.PathValue("kind")])
		c.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(b) // the reader has gone: nobody to tell
	})
	m.HandleFunc("GET /wait/{kind}/{id}", c.wait)
	m.HandleFunc("POST /call", c.call)
	m.HandleFunc("POST /load/{number}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseFloat(r.PathValue("number"), 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.load = n
	})
	m.HandleFunc("GET /api/v1/query", c.query)
	return m
}

// query answers as Prometheus does, with a vector of one value
// (https://prometheus.io/docs/prometheus/latest/querying/api).
func (c *collector) query(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	load := c.load
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"%g"]}]}}`, time.Now().Unix(), load)
}

func (c *collector) note(kind, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[kind] == nil {
		c.seen[kind] = make(map[string]int)
	}
	c.seen[kind][id]++
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *collector) wait(w http.ResponseWriter, r *http.Request) {
	most, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		most = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(r.Context(), most)
	defer cancel()
	n := c.until(ctx, r.PathValue("kind"), r.PathValue("id"))
	if n == 0 {
		http.Error(w, "it did not happen", http.StatusGatewayTimeout)
		return
	}
	fmt.Fprintln(w, n)
}

// until returns how often it happened, once it did; 0 if ctx ends before.
func (c *collector) until(ctx context.Context, kind, id string) int {
	for {
		c.mu.Lock()
		n, changed := c.seen[kind][id], c.changed
		c.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0
		}
	}
}

// answer is what /call says.
type answer struct {
	Status int     `json:"status"`
	Body   string  `json:"body"`
	Took   float64 `json:"seconds"`
	// Until it happened, from the beginning of the call; 0 if it did not, or
	// nobody asked.
	Until float64 `json:"until,omitempty"`
}

func (c *collector) call(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	start := time.Now()
	resp, err := http.Post(q.Get("url"), "application/json", r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a := answer{Status: resp.StatusCode, Body: string(text), Took: time.Since(start).Seconds()}
	if kind, id, ok := strings.Cut(q.Get("until"), "/"); ok && resp.StatusCode == http.StatusOK {
		ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
		defer cancel()
		if c.until(ctx, kind, id) > 0 {
			a.Until = time.Since(start).Seconds()
		}
	}
	_ = json.NewEncoder(w).Encode(a) // the reader has gone: nobody to tell
}
