package dataplane

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// headerDaprToken is how a sidecar shows who it is, with APP_API_TOKEN.
	headerDaprToken = "Dapr-Api-Token"
	// frontToken is the name under which the front's own token is.
	frontToken = "front"
	// maxMessage bounds what is read of a message, in bytes.
	maxMessage = 16 << 20
)

// sidecar takes what the front's Dapr sidecar brings of topics and input
// bindings, and puts it into the queues of the functions whose triggers they
// are: from there on it is an event as any other, which wakes its function, is
// tried again and becomes a dead letter as the mesh says. Dapr hears that a
// message is taken once its event is durable in each of these queues.
//
// What cannot be made durable at present the sidecar brings again, until it is:
// the mesh's Resiliency says so, since components themselves may forget what was
// refused.
type sidecar struct {
	plan   *mesh.Plan
	token  string
	queues enqueuer
	opts   Options
	// drops counts what is dropped.
	drops *telemetry.Recorder
	// topics and bindings by path (mesh.TopicPath, mesh.BindingPath).
	topics, bindings map[string]*input

	mu   sync.Mutex
	told map[*input]time.Time
}

type enqueuer interface {
	Enqueue(ctx context.Context, f *mesh.Function, e *event.Event) error
}

// input is a topic or an input binding, and the functions that it triggers.
type input struct {
	// name of the component, with the topic behind it.
	name string
	to   []*mesh.Function
}

// newSidecar returns nil if the mesh has no trigger that needs a sidecar.
func newSidecar(p *mesh.Plan, queues enqueuer, drops *telemetry.Recorder, o Options) (*sidecar, error) {
	s := &sidecar{plan: p, queues: queues, opts: o, drops: drops, told: make(map[*input]time.Time), topics: make(map[string]*input), bindings: make(map[string]*input)}
	for _, f := range p.Functions {
		for _, t := range f.Triggers {
			switch t.Type {
			case v1beta1.TriggerPubSub:
				component := p.TopicOf(t)
				add(s.topics, mesh.TopicPath(component, t.Topic), component+"/"+t.Topic, f)
			case v1beta1.TriggerBinding:
				add(s.bindings, mesh.BindingPath(p.Components[t.Component]), t.Component, f)
			}
		}
	}
	if len(s.topics)+len(s.bindings) == 0 {
		return nil, nil
	}
	for _, inputs := range []map[string]*input{s.topics, s.bindings} {
		for _, in := range inputs {
			drops.Input(in.name)
		}
	}
	var err error
	s.token, err = readToken(o.Tokens, p, frontToken, "the front, by which its Dapr sidecar shows who it is")
	return s, err
}

func add(to map[string]*input, path, name string, f *mesh.Function) {
	in := to[path]
	if in == nil {
		in = &input{name: name}
		to[path] = in
	}
	if !slices.Contains(in.to, f) {
		in.to = append(in.to, f)
	}
}

// before serves what a sidecar asks for, and leaves the rest to next.
func (s *sidecar) before(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		topic, binding := s.topics[r.URL.Path], s.bindings[r.URL.Path]
		switch {
		case topic == nil && binding == nil:
			next.ServeHTTP(w, r)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get(headerDaprToken)), []byte(s.token)) != 1:
			http.Error(w, "only the front's own Dapr sidecar may call this", http.StatusForbidden)
		case binding != nil && r.Method == http.MethodOptions:
			// daprd asks for each input binding whether the app wants it.
			w.WriteHeader(http.StatusNoContent)
		case r.Method != http.MethodPost && r.Method != http.MethodPut:
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, r.Method+" is not served here", http.StatusMethodNotAllowed)
		case topic != nil:
			s.topic(w, r, topic)
		default:
			s.input(w, r, binding)
		}
	})
}

// topic puts a message into the queues of the functions that its topic
// triggers, and answers in Dapr's words. What is sent again after one queue has
// it is known there by source and id.
func (s *sidecar) topic(w http.ResponseWriter, r *http.Request, in *input) {
	body, err := read(w, r)
	if err != nil {
		s.verdict(w, in, err)
		return
	}
	var e *event.Event
	if events, _, err := wire.Read(r.Header, body); err == nil && len(events) == 1 {
		e = &events[0]
	} else {
		// Who publishes without Dapr may send what is no CloudEvent, or none by
		// the rules: Dapr hands on any JSON object.
		e = s.eventOf(in.name, ".message", r.Header, body)
	}
	s.verdict(w, in, s.enqueue(r.Context(), in, e))
}

// errUnread means that a request ended before its body did.
var errUnread = errors.New("its body could not be read")

// read reads a message. The error is errUnread, or delivery.ErrTooLarge: no queue
// takes so much.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fmt.Errorf("%w: more than %d bytes", delivery.ErrTooLarge, large.Limit)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	return body, nil
}

// enqueueWithin bounds one attempt: a broker that has just gone is not known to be
// gone.
const enqueueWithin = 10 * time.Second

// enqueue puts an event into the queues of all functions that it is for.
func (s *sidecar) enqueue(ctx context.Context, in *input, e *event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, enqueueWithin)
	defer cancel()
	var lost error
	for _, f := range in.to {
		switch err := s.queues.Enqueue(ctx, f, e); {
		case err == nil:
		case hopeless(err):
			lost = err // the others may have it
		default:
			return err
		}
	}
	return lost
}

// hopeless says that no queue will ever take an event.
func hopeless(err error) bool {
	var invalid event.ValidationError
	var attribute *wire.AttributeError
	return errors.Is(err, delivery.ErrTooLarge) || errors.As(err, &invalid) || errors.As(err, &attribute)
}

// verdict answers a message of a topic. Dropped is only what no try can ever put
// into a queue.
func (s *sidecar) verdict(w http.ResponseWriter, in *input, err error) {
	status := "SUCCESS"
	switch {
	case err == nil:
	case hopeless(err):
		status = "DROP"
		s.dropped(in, err)
	default:
		status = "RETRY"
		s.refused(in, err)
	}
	w.Header().Set("Content-Type", contract.TypeJSON)
	_ = json.NewEncoder(w).Encode(struct { // daprd may have gone; the message comes again
		Status string `json:"status"`
	}{status})
}

// toldEvery is how often the log says of one topic or binding that messages are
// refused: each comes again every few seconds.
const toldEvery = time.Minute

func (s *sidecar) refused(in *input, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told[in]) >= toldEvery {
		s.told[in] = now
		s.opts.Logger.Warn("messages are not taken at present; they come again", "from", in.name, "error", err.Error())
	}
}

func (s *sidecar) dropped(in *input, err error) {
	s.drops.Dropped(in.name)
	s.opts.Logger.Error("a message is dropped: no queue can ever take it", "from", in.name, "error", err.Error())
}

// input puts an event of an input binding into the queues of the functions that
// it triggers. A binding has no ids: one that comes again after a failure is
// another event, and one that some queue took already comes twice there.
func (s *sidecar) input(w http.ResponseWriter, r *http.Request, in *input) {
	body, err := read(w, r)
	if err == nil {
		err = s.enqueue(r.Context(), in, s.eventOf("bindings/"+in.name, ".input", r.Header, body))
	}
	switch {
	case err == nil:
	case hopeless(err):
		s.dropped(in, err) // brought again it would hold up those behind it
	default:
		s.refused(in, err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
	// 200 with nothing more: daprd takes any other success for a reason to retry.
}

// eventOf makes an event of what is none. daprd says of whatever it is that it
// is JSON, or an event in JSON.
func (s *sidecar) eventOf(from, kind string, h http.Header, body []byte) *event.Event {
	e := event.New()
	e.SetID(rand.Text())
	e.SetSource((&url.URL{Path: "/" + s.plan.Namespace + "/" + s.plan.Name + "/" + from}).String())
	e.SetType(s.plan.Name + kind)
	e.SetTime(time.Now())
	if parent := h.Get(contract.HeaderTraceParent); parent != "" {
		e.SetExtension(contract.ExtTraceParent, parent)
	}
	switch contentType := h.Get("Content-Type"); {
	case len(body) == 0:
	case json.Valid(body):
		e.SetDataContentType(contract.TypeJSON)
		e.DataEncoded = body
	default:
		if contentType == "" || wire.IsJSON(contentType) || wire.CheckContentType(contentType) != nil {
			contentType = "application/octet-stream"
		}
		e.SetDataContentType(contentType)
		e.DataEncoded, e.DataBase64 = body, !wire.IsText(contentType)
	}
	return &e
}
