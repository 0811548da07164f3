package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	kiterrors "github.com/dapr/kit/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/mesh"
)

// maxUnacknowledged bounds the messages that a stream has sent and the caller
// has not answered. More of them wait in the component.
const maxUnacknowledged = 128

// streamGrace is how long a stream that must end waits for answers.
const streamGrace = 5 * time.Second

// Stream serves SubscribeTopicEventsAlpha1 for a caller until the stream or the
// manager ends. Errors are gRPC statuses. What the caller has not answered by
// then goes back to the component.
//
// A message is not bounded by the function's timeout: it is the caller who
// decides how many it works on at once, so that one may wait long for its turn.
// The component's own patience (such as an ack wait) holds.
func (m *Manager) Stream(caller *mesh.Function, stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	mem := m.byName[caller.Name]
	if mem == nil {
		return status.Errorf(codes.NotFound, "the mesh has no function %s", caller.Name)
	}
	select {
	case <-m.started:
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	}
	s := newFlow(stream)
	received := s.receive()
	first, err := s.first(m, received)
	if err != nil {
		return err
	}
	w, err := m.wanted(mem, first)
	if err != nil {
		return err
	}
	l := m.newListener(mem, w, s.deliver)
	if !m.stream(l) {
		return errReplaced
	}
	defer m.unstream(l)
	// The initial response goes first; what the component brings waits for it.
	s.send.Lock()
	keep := context.AfterFunc(stream.Context(), l.cancel)
	err = l.once()
	keep()
	if err != nil {
		s.send.Unlock()
		return status.Errorf(codes.Unavailable, "failed to create subscription for %s: %s", w.PubSub, err)
	}
	err = stream.Send(&runtimev1.SubscribeTopicEventsResponseAlpha1{
		SubscribeTopicEventsResponseType: &runtimev1.SubscribeTopicEventsResponseAlpha1_InitialResponse{
			InitialResponse: &runtimev1.SubscribeTopicEventsResponseInitialAlpha1{},
		},
	})
	s.send.Unlock()
	if err == nil {
		err = s.run(m, received)
	}
	s.close()
	l.stop()
	return err
}

// errReplaced ends a stream whose manager stops. SDKs subscribe again.
var errReplaced = status.Error(codes.Unavailable, "the mesh stops or is replaced: subscribe again")

// stream lists a listener; it reports false if the manager stops.
func (m *Manager) stream(l *listener) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.running() {
		return false
	}
	m.streaming[l] = true
	return true
}

func (m *Manager) unstream(l *listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.streaming, l)
}

// wanted checks what a stream asks for.
func (m *Manager) wanted(mem *member, req *runtimev1.SubscribeTopicEventsRequestInitialAlpha1) (*want, error) {
	if req == nil {
		return nil, status.Error(codes.InvalidArgument, "initial request is required")
	}
	if req.GetPubsubName() == "" {
		return nil, status.Error(codes.InvalidArgument, "pubsubName is required")
	}
	if req.GetTopic() == "" {
		return nil, status.Error(codes.InvalidArgument, "topic is required")
	}
	w, err := compile(asked{
		pubsub: req.GetPubsubName(), topic: req.GetTopic(), fallback: "/", deadLetter: req.GetDeadLetterTopic(),
		metadata: req.GetMetadata(), kind: typeStreaming, from: "a stream of " + mem.f.Name,
	})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	ps := m.pubsub(mem.f, w.PubSub)
	if ps == nil {
		name := errorcodes.PubSubNotFound
		text := fmt.Sprintf("pubsub %s is not found: function %s sees no pub/sub component of that name; declare one, and name the function in its scopes if it has any",
			w.PubSub, mem.f.Name)
		return nil, kiterrors.NewBuilder(codes.InvalidArgument, 404, text, name.Code, string(name.Category)).
			WithErrorInfo(name.GrpcCode, nil).Build()
	}
	if m.overhears(w) {
		return nil, status.Errorf(codes.PermissionDenied, "subscription to topic '%s' on pubsub '%s' is not allowed: %s", w.Topic, w.PubSub, m.heard(w))
	}
	if !ps.MaySubscribe(mem.f, w.Topic) {
		return nil, status.Errorf(codes.PermissionDenied, "subscription to topic '%s' on pubsub '%s' is not allowed", w.Topic, w.PubSub)
	}
	return w.of(mem.f), nil
}

// flow is the messages and answers of a stream.
type flow struct {
	stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server
	send   sync.Mutex
	places chan struct{}

	mu      sync.Mutex
	waiting map[string][]chan *runtimev1.TopicEventResponse
	closed  chan struct{}
	ended   bool
}

func newFlow(stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) *flow {
	return &flow{
		stream: stream, closed: make(chan struct{}), places: make(chan struct{}, maxUnacknowledged),
		waiting: make(map[string][]chan *runtimev1.TopicEventResponse),
	}
}

// received is what came from the caller.
type received struct {
	req *runtimev1.SubscribeTopicEventsRequestAlpha1
	err error
}

// receive reads until the stream ends.
func (s *flow) receive() <-chan received {
	out := make(chan received)
	go func() {
		for {
			req, err := s.stream.Recv()
			select {
			case out <- received{req, err}:
			case <-s.stream.Context().Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// first waits for the initial request.
func (s *flow) first(m *Manager, in <-chan received) (*runtimev1.SubscribeTopicEventsRequestInitialAlpha1, error) {
	select {
	case got := <-in:
		if got.err != nil {
			return nil, ending(got.err)
		}
		return got.req.GetInitialRequest(), nil
	case <-m.stopping:
		return nil, errReplaced
	case <-s.stream.Context().Done():
		return nil, status.FromContextError(s.stream.Context().Err()).Err()
	}
}

// ending is the status of a stream whose caller ended it.
func ending(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// run takes answers until the stream or the manager ends.
func (s *flow) run(m *Manager, in <-chan received) error {
	stopping := m.stopping
	var late <-chan time.Time
	var idle <-chan struct{}
	for {
		select {
		case got := <-in:
			if got.err != nil {
				return ending(got.err)
			}
			processed := got.req.GetEventProcessed()
			if processed == nil {
				return status.Error(codes.InvalidArgument, "duplicate initial request received")
			}
			s.answered(processed.GetId(), processed.GetStatus())
		case <-s.stream.Context().Done():
			return status.FromContextError(s.stream.Context().Err()).Err()
		case <-stopping:
			// What is with the caller may still be answered.
			stopping, idle = nil, s.answeredAll()
			timer := time.NewTimer(streamGrace)
			defer timer.Stop()
			late = timer.C
		case <-late:
			return errReplaced
		case <-idle:
			return errReplaced
		}
	}
}

// answeredAll closes when all places are free: each is taken and not given back,
// so that no message is sent any more.
func (s *flow) answeredAll() <-chan struct{} {
	idle := make(chan struct{})
	go func() {
		for range maxUnacknowledged {
			select {
			case s.places <- struct{}{}:
			case <-s.closed:
				return
			}
		}
		close(idle)
	}()
	return idle
}

// close has all that wait for an answer end without one.
func (s *flow) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.closed)
	}
}

// answered passes an answer on. Messages of one id are answered in the order in
// which they were sent.
func (s *flow) answered(id string, r *runtimev1.TopicEventResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.waiting[id]
	if len(queue) == 0 {
		return // the component lost patience, or the caller answers twice
	}
	queue[0] <- r
	s.forget(id, queue[0])
}

// forget ends the wait of one message. The caller holds s.mu.
func (s *flow) forget(id string, c chan *runtimev1.TopicEventResponse) {
	rest := slices.DeleteFunc(s.waiting[id], func(o chan *runtimev1.TopicEventResponse) bool { return o == c })
	if len(rest) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = rest
	}
}

// deliver sends a message and waits for its answer.
func (s *flow) deliver(ctx context.Context, msg *message) error {
	event, err := topicEvent(msg)
	if err != nil {
		return err
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-s.closed:
		return errStopping
	case <-ctx.Done():
		return errStopping
	}
	answer := make(chan *runtimev1.TopicEventResponse, 1)
	s.mu.Lock()
	s.waiting[event.GetId()] = append(s.waiting[event.GetId()], answer)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.forget(event.GetId(), answer)
		s.mu.Unlock()
	}()
	s.send.Lock()
	select {
	case <-s.closed: // a stream must not be sent on when its handler has returned
		s.send.Unlock()
		return errStopping
	default:
	}
	err = s.stream.Send(&runtimev1.SubscribeTopicEventsResponseAlpha1{
		SubscribeTopicEventsResponseType: &runtimev1.SubscribeTopicEventsResponseAlpha1_EventMessage{EventMessage: event},
	})
	s.send.Unlock()
	if err != nil {
		return errStopping // the stream has ended
	}
	select {
	case r := <-answer:
		return streamVerdict(r)
	case <-s.closed:
		return errStopping
	case <-ctx.Done():
		return errStopping // the component has lost patience, and has its own way with the message
	}
}

// streamVerdict says what a caller's answer means, as answer.verdict does.
func streamVerdict(r *runtimev1.TopicEventResponse) error {
	switch s := r.GetStatus(); s {
	case runtimev1.TopicEventResponse_SUCCESS:
		return nil
	case runtimev1.TopicEventResponse_RETRY:
		return errors.New("the caller answered " + string(pubsub.Retry))
	case runtimev1.TopicEventResponse_DROP:
		return fmt.Errorf("%w: the caller answered %s", errDropped, pubsub.Drop)
	default:
		return fmt.Errorf("the caller answered status %d, which is none of SUCCESS, RETRY and DROP", s)
	}
}
