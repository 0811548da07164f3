package adminserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Prefix of all routes.
const Prefix = "/api/v1"

// maxBody bounds the body of a request in bytes.
const maxBody = 8 << 20

// Served is what the routes are about.
type Served interface {
	// Status of the mesh.
	Status(ctx context.Context) adminapi.Status
	// Current plan, and the dispatcher that calls its functions.
	Current() (*mesh.Plan, *delivery.Dispatcher)
	// DeadLetters of the mesh.
	DeadLetters() delivery.DeadLetters
	// Recorder of the calls that this process made.
	Recorder() *telemetry.Recorder
}

// Handler answers a request; an error becomes an adminapi.Problem.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler. The request's body is bounded.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := h(w, r); err != nil {
		WriteProblem(w, err)
	}
}

// Routes by their pattern, as "GET /status": the path is below Prefix.
func Routes(s Served) map[string]Handler {
	api := &routes{s}
	return map[string]Handler{
		"GET /status":                   api.status,
		"POST /functions/{name}/invoke": api.invoke,
		"GET /dlq":                      api.deadLetters,
		"GET /dlq/{id}":                 api.deadLetter,
		"PUT /dlq/{id}":                 api.edit,
		"DELETE /dlq/{id}":              api.drop,
		"POST /dlq/{id}/redrive":        api.redrive,
		"GET /traces":                   api.traces,
		"GET /traces/{id...}":           api.trace,
	}
}

// Pattern of a route as http.ServeMux has it.
func Pattern(route string) string {
	method, path, _ := strings.Cut(route, " ")
	return method + " " + Prefix + path
}

// routes answers for what is served.
type routes struct{ Served }

// faultError is an error with its status.
type faultError struct {
	status  int
	problem adminapi.Problem
}

func (e *faultError) Error() string { return e.problem.Error }

// Fault is an error that is answered with a status and a hint, "" for none.
func Fault(status int, hint, format string, args ...any) error {
	return &faultError{status: status, problem: adminapi.Problem{Error: fmt.Sprintf(format, args...), Hint: hint}}
}

// Loopback says whether a request's Host is this machine. It keeps web pages
// out that let their own name point here (DNS rebinding): their requests carry
// that name.
func Loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// WriteJSON answers 200 with v.
func WriteJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client went away
}

// WriteProblem answers with an error: the status of a Fault, 404 for
// delivery.ErrNotFound, 503 for a full queue, 413 for a body that is too long,
// else 500.
func WriteProblem(w http.ResponseWriter, err error) {
	status, p := http.StatusInternalServerError, adminapi.Problem{Error: err.Error()}
	var fault *faultError
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &fault):
		status, p = fault.status, fault.problem
	case errors.Is(err, delivery.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, delivery.ErrQueueFull):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	case errors.As(err, &tooLong):
		status, p = http.StatusRequestEntityTooLarge, adminapi.Problem{Error: fmt.Sprintf("the body is over %d bytes", tooLong.Limit)}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // the client went away
}

func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return Fault(http.StatusBadRequest, "", "the body is not what is asked for: %v", err)
	}
	return nil
}

// Number reads a query parameter: def if it is left out, most if it is more.
func Number(r *http.Request, name string, def, most int) (int, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, Fault(http.StatusBadRequest, "", "%s=%s: a number from 0", name, s)
	}
	return min(n, most), nil
}

// Named returns the function of that name, or a Fault with those that there
// are.
func Named(p *mesh.Plan, name string) (*mesh.Function, error) {
	if f := p.Function(name); f != nil {
		return f, nil
	}
	var names []string
	for _, f := range p.Functions {
		names = append(names, f.Name)
	}
	hint := "the functions are " + strings.Join(names, ", ")
	if near := mesh.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, Fault(http.StatusNotFound, hint, "there is no function %q", name)
}
