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
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// TopicPath is where the front's Dapr sidecar posts the events of topics, with
// the name of the function in kebab-case behind it. The mesh's Subscriptions
// name these paths.
const TopicPath = "/topics/"

const (
	// headerDaprToken is how a sidecar shows who it is, with APP_API_TOKEN.
	headerDaprToken = "Dapr-Api-Token"
	// frontToken is the name under which the front's own token is.
	frontToken = "front"
	// maxTopicEvent bounds what is read of an event, in bytes.
	maxTopicEvent = 16 << 20
)

// sidecar takes what the front's Dapr sidecar brings of topics and input
// bindings, and puts it into the queues of the functions whose triggers they
// are: from there on it is an event as any other, which wakes its function, is
// tried again and becomes a dead letter as the mesh says. A topic is answered
// once its event is durable; what cannot be made durable comes again.
type sidecar struct {
	plan   *mesh.Plan
	token  string
	queues enqueuer
	opts   Options
	// hold is how long an event waits for its queue.
	hold time.Duration
	// topics are functions by TopicPath, bindings those by the path of an input
	// binding.
	topics   map[string]*mesh.Function
	bindings map[string]*input
}

type enqueuer interface {
	Enqueue(ctx context.Context, f *mesh.Function, e *event.Event) error
}

// input is an input binding and the functions that it triggers.
type input struct {
	name string
	to   []*mesh.Function
}

// newSidecar returns nil if the mesh has no trigger that needs a sidecar.
func newSidecar(p *mesh.Plan, queues enqueuer, o Options) (*sidecar, error) {
	s := &sidecar{plan: p, queues: queues, opts: o, hold: holdWithin, topics: make(map[string]*mesh.Function), bindings: make(map[string]*input)}
	for _, f := range p.Functions {
		for _, t := range f.Triggers {
			switch t.Type {
			case v1beta1.TriggerPubSub:
				s.topics[TopicPath+f.KubeName] = f
			case v1beta1.TriggerBinding:
				path := bindingPath(p.Components[t.Component], t.Component)
				in := s.bindings[path]
				if in == nil {
					in = &input{name: t.Component}
					s.bindings[path] = in
				}
				if !slices.Contains(in.to, f) {
					in.to = append(in.to, f)
				}
			}
		}
	}
	if len(s.topics)+len(s.bindings) == 0 {
		return nil, nil
	}
	var err error
	s.token, err = readToken(o.Tokens, p, frontToken, "the front, by which its Dapr sidecar shows who it is")
	return s, err
}

// bindingPath is where daprd posts the events of an input binding: the
// component's name, unless its metadata say otherwise.
func bindingPath(c v1beta1.Component, name string) string {
	for _, m := range c.Metadata {
		if strings.EqualFold(m.Name, "route") && m.Value != "" {
			name = m.Value
		}
	}
	return "/" + strings.TrimPrefix(name, "/")
}

// before serves what a sidecar asks for, and leaves the rest to next.
func (s *sidecar) before(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, in := s.topics[r.URL.Path], s.bindings[r.URL.Path]
		switch {
		case f == nil && in == nil:
			next.ServeHTTP(w, r)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get(headerDaprToken)), []byte(s.token)) != 1:
			http.Error(w, "only the front's own Dapr sidecar may call this", http.StatusForbidden)
		case in != nil && r.Method == http.MethodOptions:
			// daprd asks for each input binding whether the app wants it.
			w.WriteHeader(http.StatusNoContent)
		case r.Method != http.MethodPost && r.Method != http.MethodPut:
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, r.Method+" is not served here", http.StatusMethodNotAllowed)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxTopicEvent)
			if f != nil {
				s.topic(w, r, f)
			} else {
				s.input(w, r, in)
			}
		}
	})
}

// topic answers an event of a topic in Dapr's words.
func (s *sidecar) topic(w http.ResponseWriter, r *http.Request, f *mesh.Function) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.verdict(w, "RETRY", f.Name, err)
		return
	}
	events, _, err := wire.Read(r.Header, body)
	switch {
	case err != nil:
	case len(events) != 1:
		err = fmt.Errorf("it holds %d events, not one", len(events))
	default:
		err = s.enqueue(r.Context(), f, &events[0])
		if err != nil && !hopeless(err) {
			s.verdict(w, "RETRY", f.Name, err)
			return
		}
	}
	if err != nil {
		s.verdict(w, "DROP", f.Name, err)
		return
	}
	s.verdict(w, "SUCCESS", f.Name, nil)
}

// Bounds of holding an event that is not taken yet.
const (
	holdFirst  = 50 * time.Millisecond
	holdMost   = time.Second
	holdWithin = 10 * time.Second
)

// enqueue tries for a while before it gives up: some components bring a message
// that was refused much later, and pubsub.in-memory never.
func (s *sidecar) enqueue(ctx context.Context, f *mesh.Function, e *event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, s.hold)
	defer cancel()
	for pause := holdFirst; ; pause = min(2*pause, holdMost) {
		err := s.queues.Enqueue(ctx, f, e)
		if err == nil || hopeless(err) || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// hopeless says that no queue will ever take an event.
func hopeless(err error) bool {
	var invalid event.ValidationError
	var attribute *wire.AttributeError
	return errors.Is(err, delivery.ErrTooLarge) || errors.As(err, &invalid) || errors.As(err, &attribute)
}

// verdict answers, and logs what is not taken. Dropped is only what no try can
// ever put into a queue; Dapr sends it to the dead-letter topic of a
// Subscription that has one.
func (s *sidecar) verdict(w http.ResponseWriter, status, function string, err error) {
	switch status {
	case "DROP":
		s.opts.Logger.Error("an event of a topic is dropped: no queue can ever take it", "function", function, "error", err.Error())
	case "RETRY":
		s.opts.Logger.Warn("an event of a topic is not taken yet; it comes again", "function", function, "error", err.Error())
	}
	w.Header().Set("Content-Type", contract.TypeJSON)
	_ = json.NewEncoder(w).Encode(struct { // daprd may have gone; the event comes again
		Status string `json:"status"`
	}{status})
}

// input puts an event of an input binding into the queues of all functions that
// it triggers. A binding has no ids: one that comes again after a failure is
// another event, and one that some queue took already comes twice there.
func (s *sidecar) input(w http.ResponseWriter, r *http.Request, in *input) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	e := bindingEvent(s.plan, in.name, r.Header, body)
	for _, f := range in.to {
		if err := s.enqueue(r.Context(), f, e); err != nil {
			s.opts.Logger.Warn("an event of an input binding is not taken", "function", f.Name, "binding", in.name, "error", err.Error())
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// bindingEvent makes an event of what an input binding brings. daprd says
// application/json of whatever it is.
func bindingEvent(p *mesh.Plan, binding string, h http.Header, body []byte) *event.Event {
	e := event.New()
	e.SetID(rand.Text())
	e.SetSource("/" + p.Namespace + "/" + p.Name + "/bindings/" + binding)
	e.SetType(p.Name + "." + binding + ".input")
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
		if contentType == "" || wire.IsJSON(contentType) {
			contentType = "application/octet-stream"
		}
		e.SetDataContentType(contentType)
		e.DataEncoded, e.DataBase64 = body, !wire.IsText(contentType)
	}
	return &e
}
