package local

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/adminserver"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// administered is the engine as the routes of adminserver see it.
type administered struct{ *engine }

func (a administered) Status(ctx context.Context) adminapi.Status { return a.status(ctx) }
func (a administered) DeadLetters() delivery.DeadLetters          { return a.broker.DeadLetters() }
func (a administered) Recorder() *telemetry.Recorder              { return a.recorder }

func (a administered) Current() (*mesh.Plan, *delivery.Dispatcher) {
	g := a.current.Load()
	return g.plan, g.dispatcher
}

// adminHandler serves metrics and health to everyone who reaches the address,
// and everything else to those that have the token of run.json.
func (e *engine) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", e.recorder.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !e.ready.Load() {
			adminserver.WriteProblem(w, adminserver.Fault(http.StatusServiceUnavailable, "", "the mesh does not take traffic"))
			return
		}
		adminserver.WriteJSON(w, map[string]string{"status": "ok"})
	})
	api := func(route string, h adminserver.Handler) {
		mux.HandleFunc(adminserver.Pattern(route), func(w http.ResponseWriter, r *http.Request) {
			if e.authorised(w, r) {
				h.ServeHTTP(w, r)
			}
		})
	}
	for route, h := range adminserver.Routes(administered{e}) {
		api(route, h)
	}
	api("POST /functions/{name}/zero", e.apiZero)
	api("GET /functions/{name}/environment", e.apiEnvironment)
	api("GET /logs", e.apiLogs)
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
			adminserver.WriteProblem(w, adminserver.Fault(http.StatusMisdirectedRequest, "use the address of "+adminapi.RunFile,
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
	if adminserver.Loopback(host) {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
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
	adminserver.WriteProblem(w, adminserver.Fault(http.StatusUnauthorized, "send the token of "+adminapi.RunFile+" in the data directory as Authorization: Bearer …",
		"the token is missing or wrong"))
	return false
}

// named returns the function that the path or query names.
func (e *engine) named(name string) (*generation, *mesh.Function, error) {
	g := e.current.Load()
	f, err := adminserver.Named(g.plan, name)
	return g, f, err
}
