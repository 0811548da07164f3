package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// SinkPath is where the sink is; the function's token follows.
const SinkPath = "/sink/"

// SinkConfig of a Sink. Plan, Dispatcher and Tokens are required.
type SinkConfig struct {
	Plan       *mesh.Plan
	Dispatcher Submitter
	// Tokens of the functions, by name.
	Tokens map[string]string
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
	// MaxBody bounds a request's body in bytes; 16 MiB if zero.
	MaxBody int64
}

// Sink takes what functions emit: POST /sink/<token> with CloudEvents in any
// mode. It answers 202 once every event is durable in the queues behind the
// function's links.
//
// An event is identified by function and event id: sent again, it is routed
// once. Its extension weftto addresses it to one of the function's links; else
// it is offered to all.
type Sink struct {
	cfg       SinkConfig
	functions map[[sha256.Size]byte]sinkFunction
}

type sinkFunction struct {
	f     *mesh.Function
	token []byte
}

// NewSink returns the Sink of a plan.
func NewSink(cfg SinkConfig) *Sink {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 16 << 20
	}
	s := &Sink{cfg: cfg, functions: make(map[[sha256.Size]byte]sinkFunction)}
	for _, f := range cfg.Plan.Functions {
		if token := cfg.Tokens[f.Name]; token != "" {
			s.functions[sha256.Sum256([]byte(token))] = sinkFunction{f, []byte(token)}
		}
	}
	return s
}

// function finds whose token it is. It looks the token's hash up, so that the
// time this takes tells nothing of the tokens there are.
func (s *Sink) function(token string) *mesh.Function {
	sf, ok := s.functions[sha256.Sum256([]byte(token))]
	if !ok || subtle.ConstantTimeCompare(sf.token, []byte(token)) != 1 {
		return nil
	}
	return sf.f
}

// ServeHTTP implements http.Handler.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.URL.Path, SinkPath)
	if !ok || strings.Contains(token, "/") {
		problem(w, http.StatusNotFound, "this is a sink for CloudEvents", "post to the URL of "+contract.EnvSink)
		return
	}
	f := s.function(token)
	if f == nil {
		problem(w, http.StatusUnauthorized, "the sink does not know this token", "post to the URL of "+contract.EnvSink+" as it is")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, r.Method+" is not served by a sink", "use POST")
		return
	}
	body, err := readBody(w, r, s.cfg.MaxBody)
	if err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes", tooLong.Limit), "send fewer events at once")
			return
		}
		problem(w, http.StatusBadRequest, "the body could not be read", "")
		return
	}
	events, mode, err := wire.Read(r.Header, body)
	switch {
	case errors.Is(err, wire.ErrUnsupported):
		problem(w, http.StatusUnsupportedMediaType, err.Error(), "")
	case err != nil:
		problem(w, http.StatusBadRequest, err.Error(), "see CloudEvents 1.0, HTTP protocol binding")
	case mode == wire.None:
		problem(w, http.StatusBadRequest, "there is no CloudEvent in the request",
			"send ce-* headers, or content type "+contract.TypeEvent)
	default:
		s.take(w, r, f, events)
	}
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body := http.MaxBytesReader(w, r.Body, limit)
	if n := r.ContentLength; n >= 0 && n <= limit {
		b := make([]byte, n)
		_, err := io.ReadFull(body, b)
		return b, err
	}
	return io.ReadAll(body)
}

// take routes events and answers for all of them.
func (s *Sink) take(w http.ResponseWriter, r *http.Request, f *mesh.Function, events []event.Event) {
	outcomes := make([]delivery.Outcome, len(events))
	for i := range events {
		e := &events[i]
		to := wire.Extension(e, contract.ExtTo)
		if to != "" && !linked(f, to) {
			notLinked(w, f, to)
			return
		}
		parent, state := wire.TraceParent(e)
		if parent == "" {
			parent, state = r.Header.Get(contract.HeaderTraceParent), r.Header.Get(contract.HeaderTraceState)
		}
		outcomes[i] = delivery.Outcome{
			Function: f, InputSource: f.Source, InputID: e.ID(),
			Status: mesh.StatusSuccess, Outputs: []delivery.Output{{To: to, Event: *e}},
			Hops: max(wire.IntExtension(e, contract.ExtHops), 0), TraceParent: parent, TraceState: state,
		}
	}
	err := s.submit(r.Context(), outcomes)
	var unlinked *delivery.NotLinkedError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &unlinked):
		notLinked(w, f, unlinked.To)
	case errors.Is(err, delivery.ErrTooLarge):
		problem(w, http.StatusRequestEntityTooLarge, err.Error(), "keep large data in a store and emit its key")
	default:
		if !errors.Is(err, delivery.ErrQueueFull) && r.Context().Err() == nil {
			s.cfg.Logger.Warn("emitted events were not accepted", "function", f.Name, "error", err)
		}
		notRouted(w, f.Name, err)
	}
}

// submit routes outcomes at once. After a failure some may be durable; the
// sender tries again with the same ids, which are routed once.
func (s *Sink) submit(ctx context.Context, outcomes []delivery.Outcome) error {
	if len(outcomes) == 1 {
		_, err := s.cfg.Dispatcher.Submit(ctx, outcomes[0])
		return err
	}
	const atOnce = 32
	var errs []error
	for chunk := range slices.Chunk(outcomes, atOnce) {
		failed := make([]error, len(chunk))
		var wg sync.WaitGroup
		for i, o := range chunk {
			wg.Go(func() { _, failed[i] = s.cfg.Dispatcher.Submit(ctx, o) })
		}
		wg.Wait()
		errs = append(errs, failed...)
	}
	return errors.Join(errs...)
}

func linked(f *mesh.Function, to string) bool {
	for _, l := range f.Out {
		if l.To.Name == to || l.To.KubeName == to {
			return true
		}
	}
	return false
}

func notLinked(w http.ResponseWriter, f *mesh.Function, to string) {
	names := make([]string, len(f.Out))
	for i, l := range f.Out {
		names[i] = l.To.Name
	}
	hint := f.Name + " is linked to nothing"
	if len(names) > 0 {
		hint = f.Name + " is linked to " + strings.Join(names, ", ")
	}
	problem(w, http.StatusNotFound, fmt.Sprintf("%s has no link to %q", f.Name, to), hint+"; add a connection to the mesh")
}
