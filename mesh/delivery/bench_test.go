package delivery_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

func BenchmarkRoute(b *testing.B) {
	plan := compile(b, chain)
	for name, function := range map[string]string{"status": "ingestOrder", "result": "validateInventory"} {
		b.Run(name, func(b *testing.B) {
			r, err := delivery.NewRouter(plan, nil)
			if err != nil {
				b.Fatal(err)
			}
			o := outcome(plan.Function(function), "id", `{"valid":true,"order":{"id":"o-1","items":[{"sku":"a","n":1}]}}`)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Route(&o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDispatch is one event published, delivered over HTTP, its output
// routed, delivered again and acknowledged: two durable hops.
func BenchmarkDispatch(b *testing.B) {
	var left sync.WaitGroup
	e := start(b, chain, map[string]http.HandlerFunc{
		"validateInventory": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"valid":true,"order":"o-1"}`))
		},
		"notifyUser": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			left.Done()
		},
	}, func(c *delivery.Config) { c.Observer = nil })
	f := e.plan.Function("ingestOrder")
	data := `{"order":"o-1","customer":"c-1","items":[{"sku":"apple","quantity":2},{"sku":"pear","quantity":1}]}`
	b.ReportAllocs()
	b.ResetTimer()
	left.Add(b.N)
	work := make(chan int, 256)
	for range 128 {
		go func() {
			for i := range work {
				if _, err := e.Submit(context.Background(), benchOutcome(f, i, data)); err != nil {
					panic(err)
				}
			}
		}()
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	left.Wait()
}

func benchOutcome(f *mesh.Function, i int, data string) delivery.Outcome {
	return outcome(f, itoa(i), data)
}
