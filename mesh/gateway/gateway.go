package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Submitter routes what calls put out; delivery.Dispatcher is one.
type Submitter interface {
	// Submit returns once every routed event is durable.
	Submit(ctx context.Context, o delivery.Outcome) (delivery.Routed, error)
}

// Observer is told of calls; a delivery.Observer is one. Its methods must not
// block.
type Observer interface {
	CallStarted(f *mesh.Function, link *mesh.Link)
	CallEnded(c delivery.CallRecord)
}

type silent struct{}

func (silent) CallStarted(*mesh.Function, *mesh.Link) {}
func (silent) CallEnded(delivery.CallRecord)          {}

// Config of a Gateway. Plan, Endpoints and Dispatcher are required.
type Config struct {
	Plan       *mesh.Plan
	Endpoints  delivery.Endpoints
	Dispatcher Submitter
	// Observer may be nil.
	Observer Observer
	// Debugging says that a function waits for a debugger, or for the person
	// at it: waiting for it has no bound then. May be nil.
	Debugging func(*mesh.Function) bool
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
	// MaxBody bounds a request's body in bytes; 32 MiB if zero. Requests to
	// functions whose links may take errors are bounded to MaxAnswer.
	MaxBody int64
	// MaxAnswer bounds an answer that is routed, in bytes; 4 MiB if zero.
	MaxAnswer int64
	// MaxInFlight bounds the requests under way at once; 10,000 if zero.
	MaxInFlight int
}

// Gateway is the HTTP front door of a mesh. It is safe for concurrent use.
type Gateway struct {
	cfg      Config
	routes   *table
	inFlight atomic.Int64
}

// entry is what the gateway needs of a function for each call.
type entry struct {
	f *mesh.Function
	// prewarm are the functions that a call of f will sooner or later need.
	prewarm []*mesh.Function
	// linked says that f's output goes somewhere, takesErrors that the
	// outcome of a failed call may.
	linked, takesErrors bool
	debugging           bool
	// events says that CloudEvents from outside are for f.
	events bool
}

// New returns the Gateway of a plan. The error names routes that two functions
// claim.
func New(cfg Config) (*Gateway, error) {
	if cfg.Plan == nil || cfg.Endpoints == nil || cfg.Dispatcher == nil {
		return nil, errors.New("a gateway needs a plan, endpoints and a dispatcher")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Observer == nil {
		cfg.Observer = silent{}
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 32 << 20
	}
	if cfg.MaxAnswer <= 0 {
		cfg.MaxAnswer = 4 << 20
	}
	if cfg.MaxInFlight <= 0 {
		cfg.MaxInFlight = 10_000
	}
	entries := make(map[*mesh.Function]*entry, len(cfg.Plan.Functions))
	for _, f := range cfg.Plan.Functions {
		e := &entry{f: f, prewarm: cfg.Plan.Downstream(f), linked: len(f.Out) > 0}
		e.debugging = cfg.Debugging != nil && cfg.Debugging(f)
		for _, l := range f.Out {
			e.takesErrors = e.takesErrors || mayTakeErrors(l.Condition)
		}
		entries[f] = e
	}
	routes, err := newTable(Routes(cfg.Plan), entries)
	if err != nil {
		return nil, err
	}
	return &Gateway{cfg: cfg, routes: routes}, nil
}

// mayTakeErrors says whether a condition can hold for the outcome of a failed
// call. The default condition names status, but never takes an error; that is
// worth knowing before every request's body is kept.
func mayTakeErrors(c *mesh.Condition) bool {
	return c.TakesErrors() && c.String() != mesh.DefaultCondition
}

// InFlight returns the number of requests under way.
func (g *Gateway) InFlight() int { return int(g.inFlight.Load()) }

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer g.inFlight.Add(-1)
	if g.inFlight.Add(1) > int64(g.cfg.MaxInFlight) {
		busy(w, 0, "too many requests are under way", "try again in a moment")
		return
	}
	defer g.recover(w, r)
	path := r.URL.Path
	if path == "" || path[0] != '/' || dotted(path) {
		problem(w, http.StatusBadRequest, "the path is not absolute and clean", "send it without . and .. segments")
		return
	}
	host := hostOf(r)
	x, allowed := g.routes.find(r.Method, host, path)
	switch {
	case x == nil && len(allowed) > 0:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem(w, http.StatusMethodNotAllowed, r.Method+" is not served at "+path, "use "+strings.Join(allowed, " or "))
		return
	case x == nil:
		problem(w, http.StatusNotFound, "no route for "+r.Method+" "+path, g.routes.hint(host, path))
		return
	}
	if m := wire.ModeOf(r.Header); !x.Events && (m == wire.Structured || m == wire.Batch) {
		problem(w, http.StatusUnsupportedMediaType, "CloudEvents are not taken from outside",
			"send the data itself, such as application/json")
		return
	}
	g.serve(w, r, x.entry)
}

// dotted says whether a path has a segment . or .. in it, which the function
// might read as another path than the route's.
func dotted(path string) bool {
	return strings.Contains(path, "/.") && (strings.Contains(path, "/./") || strings.Contains(path, "/../") ||
		strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/.."))
}

// recover answers 500 for a fault of the gateway itself; the stack is in the
// log, and never in the answer.
func (g *Gateway) recover(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		g.cfg.Logger.Error("the gateway panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		problem(w, http.StatusInternalServerError, "internal error", "")
	}
}
