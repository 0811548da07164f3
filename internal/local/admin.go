package local

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// maxAdminBody bounds the body of a request to the admin API in bytes.
const maxAdminBody = 8 << 20

// apiError is an error of the admin API with its status.
type apiError struct {
	status  int
	problem adminapi.Problem
}

func (e *apiError) Error() string { return e.problem.Error }

func fault(status int, hint, format string, args ...any) error {
	return &apiError{status: status, problem: adminapi.Problem{Error: fmt.Sprintf(format, args...), Hint: hint}}
}

// adminHandler serves metrics and health to everyone who reaches the address,
// and everything else to those that have the token of run.json.
func (e *engine) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", e.recorder.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !e.ready.Load() {
			writeProblem(w, fault(http.StatusServiceUnavailable, "", "the mesh does not take traffic"))
			return
		}
		writeJSON(w, map[string]string{"status": "ok"})
	})
	api := func(pattern string, h func(w http.ResponseWriter, r *http.Request) error) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) {
			if !e.authorised(w, r) {
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
			if err := h(w, r); err != nil {
				writeProblem(w, err)
			}
		})
	}
	api("GET /status", func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, e.status(r.Context()))
		return nil
	})
	api("POST /functions/{name}/invoke", e.apiInvoke)
	api("POST /functions/{name}/zero", e.apiZero)
	api("GET /functions/{name}/environment", e.apiEnvironment)
	api("GET /logs", e.apiLogs)
	api("GET /dlq", e.apiDeadLetters)
	api("GET /dlq/{id}", e.apiDeadLetter)
	api("PUT /dlq/{id}", e.apiEdit)
	api("DELETE /dlq/{id}", e.apiDrop)
	api("POST /dlq/{id}/redrive", e.apiRedrive)
	api("GET /traces", e.apiTraces)
	api("GET /traces/{id...}", e.apiTrace)
	api("POST /delete", e.apiDelete)
	api("POST /stop", e.apiStop)
	for path, h := range map[string]http.HandlerFunc{
		"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if e.authorised(w, r) {
				h(w, r)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.hostAllowed(r.Host) {
			writeProblem(w, fault(http.StatusMisdirectedRequest, "use the address of "+adminapi.RunFile,
				"this server is not %s", r.Host))
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// hostAllowed keeps web pages out that let their own name point to this
// machine (DNS rebinding): such requests carry that name. An address bound to
// more than this machine is meant to be called by names.
func (e *engine) hostAllowed(host string) bool {
	if !isLoopback(e.adminListener.Addr()) {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	bind, _, err := net.SplitHostPort(e.opts.Admin)
	return err == nil && strings.EqualFold(host, bind)
}

func (e *engine) authorised(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && subtle.ConstantTimeCompare([]byte(token), []byte(e.tokens.admin)) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
	writeProblem(w, fault(http.StatusUnauthorized, "send the token of "+adminapi.RunFile+" in the data directory as Authorization: Bearer …",
		"the token is missing or wrong"))
	return false
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client went away
}

func writeProblem(w http.ResponseWriter, err error) {
	status, p := http.StatusInternalServerError, adminapi.Problem{Error: err.Error()}
	var fault *apiError
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
		return fault(http.StatusBadRequest, "", "the body is not what is asked for: %v", err)
	}
	return nil
}

// number reads a query parameter, def if it is left out.
func number(r *http.Request, name string, def, most int) (int, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fault(http.StatusBadRequest, "", "%s=%s: a number from 0", name, s)
	}
	return min(n, most), nil
}

// named returns the function that the path or query names.
func (e *engine) named(name string) (*generation, *mesh.Function, error) {
	g := e.current.Load()
	if f := g.plan.Function(name); f != nil {
		return g, f, nil
	}
	var names []string
	for _, f := range g.plan.Functions {
		names = append(names, f.Name)
	}
	hint := "the functions are " + strings.Join(names, ", ")
	if near := mesh.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, nil, fault(http.StatusNotFound, hint, "there is no function %q", name)
}
