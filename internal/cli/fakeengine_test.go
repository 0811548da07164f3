package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

// at is the time of all that the fake engine tells.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fakeEngineMain is the program "fakeengine": the admin API of an engine whose
// state is always the same, so that scripts can compare what commands print
// about it. It writes .weft/run.json and prints the requests that change
// something.
func fakeEngineMain() {
	srv := httptest.NewServer(fakeEngine())
	run := adminapi.Run{PID: os.Getpid(), Mesh: "shop", Namespace: "default", File: "mesh.yaml", HTTP: "http://127.0.0.1:8080", Admin: srv.URL, Token: "secret", Started: at}
	b, err := json.Marshal(run)
	if err != nil {
		fatal(err)
	}
	if err := os.MkdirAll(".weft", 0o700); err != nil {
		fatal(err)
	}
	if err := os.WriteFile(filepath.Join(".weft", "tmp"), b, 0o600); err != nil {
		fatal(err)
	}
	if err := os.Rename(filepath.Join(".weft", "tmp"), filepath.Join(".weft", adminapi.RunFile)); err != nil {
		fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

func fakeEngine() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, v any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, v) })
	}
	record := func(pattern string, status int, v any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			fmt.Printf("%s %s %s\n", r.Method, r.RequestURI, b)
			w.WriteHeader(status)
			if v != nil {
				writeJSON(w, v)
			}
		})
	}
	answer("GET /api/v1/status", fakeStatus)
	answer("GET /api/v1/functions/checkStock/environment", adminapi.Environment{"K_SINK": "http://127.0.0.1:1/sink/t", "GREETING": "it's on"})
	answer("GET /api/v1/dlq", []adminapi.DeadLetter{fakeLetter})
	answer("GET /api/v1/dlq/7", fakeLetter)
	answer("GET /api/v1/traces", []adminapi.Trace{fakeTrace})
	answer("GET /api/v1/traces/order-12345", fakeTrace)
	record("POST /api/v1/functions/checkStock/invoke", http.StatusOK, adminapi.InvokeResponse{
		StatusCode: 200, TraceID: fakeTrace.TraceID, EventID: "e-1", Output: []json.RawMessage{json.RawMessage(`{"valid":true,"orderId":"o-1"}`)},
		Routed: []string{"checkStock->notify"}, Milliseconds: 12.3, ColdMilliseconds: 8,
	})
	record("POST /api/v1/functions/notify/invoke", http.StatusOK, adminapi.InvokeResponse{
		StatusCode: 500, TraceID: fakeTrace.TraceID, EventID: "e-2", Error: "the printer is out of paper", Milliseconds: 1,
	})
	record("PUT /api/v1/dlq/7", http.StatusNoContent, nil)
	record("DELETE /api/v1/dlq/7", http.StatusNoContent, nil)
	record("POST /api/v1/dlq/7/redrive", http.StatusOK, map[string]string{"id": "e-9"})
	mux.HandleFunc("POST /api/v1/delete", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("force") != "true" {
			w.WriteHeader(http.StatusConflict)
			writeJSON(w, adminapi.Problem{Error: "3 events are left in the queues of shop"})
		}
	})
	mux.HandleFunc("GET /api/v1/logs", func(w http.ResponseWriter, r *http.Request) {
		for _, e := range fakeLogs {
			if f := r.URL.Query().Get("function"); f == "" || f == e.Function {
				writeJSON(w, e)
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		writeJSON(w, adminapi.Problem{Error: "there is no " + filepath.Base(r.URL.Path), Hint: "list what there is"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			writeJSON(w, adminapi.Problem{Error: "the token is wrong"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func writeJSON(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }

var fakeStatus = adminapi.Status{
	Mesh: "shop", Namespace: "default", Ready: true, Uptime: "1m0s", Sync: "interval", MemoryMB: 31,
	Functions: []adminapi.Function{
		{Name: "takeOrder", State: "ready", Min: 0, Max: 10, Breaker: "closed", Routes: []string{"POST /orders"}, Invocations: 12, P50ms: 3, P95ms: 45, PerSecond: 2.5, ColdStarts: 1,
			Source: "functions/take-order", Revision: "1f2e3d",
			Replicas: []adminapi.Replica{{PID: 4242, URL: "http://127.0.0.1:40001", State: "ready", InFlight: 1, Started: at, MemoryMB: 9.5}}},
		{Name: "checkStock", State: "zero", Max: 10, Breaker: "closed", Queued: 3, Waiting: 2, Retrying: 1, Invocations: 11, P95ms: 1200},
		{Name: "notify", State: "failed", Reason: "functions/notify/main.go:7:2: undefined: prnt", Max: 10, Breaker: "open", DeadLetters: 1, Invocations: 4, Errors: 4, P95ms: 0.4},
	},
	Links: []adminapi.Link{
		{From: "takeOrder", To: "checkStock", Condition: "status == 'success'", Routed: 12},
		{From: "checkStock", To: "notify", Condition: "true", Routed: 9, Active: 2},
	},
}

var fakeLetter = adminapi.DeadLetter{
	ID: "7", Function: "notify", EventID: "e-7", Type: "shop.check-stock.output", Source: "/default/shop/check-stock",
	Error: "500: the printer is out of paper", Attempts: 3, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Time: at,
	Event: json.RawMessage(`{"specversion":"1.0","id":"e-7","data":{"orderId":"o-7","valid":false}}`),
}

var fakeTrace = adminapi.Trace{
	TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Key: "order-12345", Started: at, Duration: 385, Error: true,
	Calls: []adminapi.Call{
		{Function: "takeOrder", SpanID: "a", Trigger: "http", EventID: "e-0", Attempt: 1, Started: at, Milliseconds: 45, StatusCode: 200, Outputs: 1},
		{Function: "checkStock", SpanID: "b", ParentID: "a", Trigger: "link", Link: "takeOrder->checkStock", EventID: "e-1", Attempt: 1, Started: at, Milliseconds: 120, QueueMilliseconds: 1.5, ColdMilliseconds: 18, StatusCode: 200, Outputs: 1},
		{Function: "notify", SpanID: "c", ParentID: "b", Trigger: "link", Link: "checkStock->notify", EventID: "e-2", Attempt: 1, Started: at, Milliseconds: 2, QueueMilliseconds: 0.2, StatusCode: 500, Error: "the printer is out of paper"},
		{Function: "notify", SpanID: "d", ParentID: "b", Trigger: "link", Link: "checkStock->notify", EventID: "e-2", Attempt: 2, Started: at, Milliseconds: 200, QueueMilliseconds: 1000, StatusCode: 204},
	},
}

var fakeLogs = []adminapi.LogEntry{
	{Time: at, Level: "info", Message: "engine started"},
	{Time: at, Level: "info", Function: "takeOrder", PID: 4242, Message: "order accepted", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Fields: json.RawMessage(`{"orderId":"o-1","items":2,"note":"two words"}`)},
	{Time: at, Level: "error", Function: "notify", Message: "panic: no paper\ngoroutine 1 [running]:\n\tmain.print()"},
}
