// Package adminapi is how the command line talks to a running local engine:
// the shapes of its admin API, served at --admin under /api/v1, and a client.
// Every request carries the bearer token of .weft/run.json.
package adminapi

import (
	"encoding/json"
	"time"
)

// Run is the content of <data>/run.json (mode 0600): where a running engine
// is, and the token for it.
type Run struct {
	PID       int       `json:"pid"`
	Mesh      string    `json:"mesh"`
	Namespace string    `json:"namespace"`
	File      string    `json:"file"`
	HTTP      string    `json:"http"`  // http://127.0.0.1:8080
	Admin     string    `json:"admin"` // http://127.0.0.1:9090
	Token     string    `json:"token"`
	Started   time.Time `json:"started"`
	Version   string    `json:"version"`
}

// Status answers GET /api/v1/status.
type Status struct {
	Mesh      string     `json:"mesh"`
	Namespace string     `json:"namespace"`
	Ready     bool       `json:"ready"`
	Uptime    string     `json:"uptime"`
	Sync      string     `json:"sync"`
	MemoryMB  float64    `json:"memoryMB"`
	Functions []Function `json:"functions"`
	Links     []Link     `json:"links"`
}

// Function is one function's state.
type Function struct {
	Name string `json:"name"`
	// State is zero, starting, ready, building, failed, attached or debugging.
	State    string    `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Replicas []Replica `json:"replicas"`
	Min      int       `json:"min"`
	Max      int       `json:"max"`
	InFlight int       `json:"inFlight"`
	// Queued events of the function are those in its queue that no call is
	// under way for: Waiting, and Retrying after a pause.
	Queued   int `json:"queued"`
	Waiting  int `json:"waiting"`
	Retrying int `json:"retrying"`
	// Unknown says that the broker did not tell what is in the queue, or how
	// many dead letters there are: what is 0 of these may be more.
	Unknown     bool     `json:"unknown,omitempty"`
	Breaker     string   `json:"breaker"`
	DeadLetters int      `json:"deadLetters"`
	Routes      []string `json:"routes,omitempty"`
	Invocations uint64   `json:"invocations"`
	Errors      uint64   `json:"errors"`
	P50ms       float64  `json:"p50ms"`
	P95ms       float64  `json:"p95ms"`
	PerSecond   float64  `json:"perSecond"`
	ColdStarts  uint64   `json:"coldStarts"`
	Source      string   `json:"source,omitempty"`
	Revision    string   `json:"revision,omitempty"`
}

// Replica is one process of a function.
type Replica struct {
	PID      int       `json:"pid"`
	URL      string    `json:"url"`
	State    string    `json:"state"` // starting, ready, draining
	InFlight int       `json:"inFlight"`
	Started  time.Time `json:"started"`
	MemoryMB float64   `json:"memoryMB,omitempty"`
	Restarts int       `json:"restarts"`
}

// Link is one link's state.
type Link struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Condition string `json:"condition"`
	Routed    uint64 `json:"routed"`
	Active    int    `json:"active"`
}

// InvokeRequest is the body of POST /api/v1/functions/{name}/invoke: the
// function is called as by a link, and its output routed. Type and ID may be
// left out.
type InvokeRequest struct {
	ID   string          `json:"id,omitempty"`
	Type string          `json:"type,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
	// NoRoute leaves the output unrouted.
	NoRoute bool `json:"noRoute,omitempty"`
}

// InvokeResponse answers it.
type InvokeResponse struct {
	StatusCode int    `json:"statusCode"`
	TraceID    string `json:"traceId"`
	EventID    string `json:"eventId"`
	// Output is the data of each output, JSON as it is, else as a string.
	Output []json.RawMessage `json:"output"`
	Routed []string          `json:"routed"`
	Error  string            `json:"error,omitempty"`
	// Milliseconds of the call, and of the cold start before it.
	Milliseconds     float64 `json:"milliseconds"`
	ColdMilliseconds float64 `json:"coldMilliseconds"`
}

// Environment answers GET /api/v1/functions/{name}/environment: what the
// function's process is given, but for its port. It holds secrets.
type Environment map[string]string

// LogEntry is one line of GET /api/v1/logs?function=&level=&trace=&since=&follow=true&most=,
// answered as JSON lines, oldest first.
type LogEntry struct {
	Time     time.Time       `json:"time"`
	Level    string          `json:"level"`
	Function string          `json:"function"` // "" for the engine
	PID      int             `json:"pid,omitempty"`
	Message  string          `json:"message"`
	TraceID  string          `json:"traceId,omitempty"`
	EventID  string          `json:"eventId,omitempty"`
	Fields   json.RawMessage `json:"fields,omitempty"`
}

// DeadLetter is one entry of GET /api/v1/dlq?function=&most= and the answer of
// GET /api/v1/dlq/{id}. PUT /api/v1/dlq/{id} with {"data": ...} edits, POST
// /api/v1/dlq/{id}/redrive answers {"id": newID}, DELETE /api/v1/dlq/{id}
// drops.
type DeadLetter struct {
	ID       string          `json:"id"`
	Function string          `json:"function"`
	EventID  string          `json:"eventId"`
	Type     string          `json:"type"`
	Source   string          `json:"source"`
	Error    string          `json:"error"`
	Attempts int             `json:"attempts"`
	TraceID  string          `json:"traceId"`
	Time     time.Time       `json:"time"`
	Event    json.RawMessage `json:"event,omitempty"` // structured CloudEvent
}

// Trace is one entry of GET /api/v1/traces?most=, newest first, and the answer
// of GET /api/v1/traces/{trace id, event id or business key}.
type Trace struct {
	TraceID  string    `json:"traceId"`
	Key      string    `json:"key,omitempty"`
	Started  time.Time `json:"started"`
	Duration float64   `json:"milliseconds"`
	Error    bool      `json:"error"`
	Calls    []Call    `json:"calls"`
}

// Call is one call of a function within a trace.
type Call struct {
	Function     string    `json:"function"`
	SpanID       string    `json:"spanId"`
	ParentID     string    `json:"parentId,omitempty"`
	Trigger      string    `json:"trigger"`
	Link         string    `json:"link,omitempty"`
	EventID      string    `json:"eventId"`
	Attempt      int       `json:"attempt"`
	Started      time.Time `json:"started"`
	Milliseconds float64   `json:"milliseconds"`
	// QueueMilliseconds waited in the queue, ColdMilliseconds for a process.
	QueueMilliseconds float64 `json:"queueMilliseconds"`
	ColdMilliseconds  float64 `json:"coldMilliseconds"`
	StatusCode        int     `json:"statusCode"`
	Error             string  `json:"error,omitempty"`
	Outputs           int     `json:"outputs"`
}

// Other calls: POST /api/v1/delete?force= stops the engine and removes the
// mesh's queues and dead letters; 409 with Problem if events are left and
// force is not set. POST /api/v1/stop drains and stops.

// Problem is the body of every answer that is not 2xx.
type Problem struct {
	Error string `json:"error"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}
