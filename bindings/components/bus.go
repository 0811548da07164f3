package components

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/kit/logger"
)

// waiting is how many messages a subscription of the in-memory bus keeps for
// its handler before publishers wait.
const waiting = 1024

// bus is pubsub.in-memory. It delivers as that of components-contrib does: to
// each subscription in order and once, a topic's trailing * standing for one
// letter or more. What is not delivered when the process ends is gone, and so
// is what a handler returns an error for.
//
// That of components-contrib is made for one app: where two functions subscribe
// to one topic, ending one's subscription ends the other's, and a handler that
// publishes to its own topic waits for itself.
type bus struct {
	log    logger.Logger
	closed chan struct{}

	mu   sync.RWMutex
	subs map[*subscription]struct{}
	wg   sync.WaitGroup
}

type subscription struct {
	topic    string
	messages chan *pubsub.NewMessage
	done     <-chan struct{}
}

func newBus(log logger.Logger) pubsub.PubSub {
	return &bus{log: log, closed: make(chan struct{}), subs: make(map[*subscription]struct{})}
}

// Init has nothing to do.
func (b *bus) Init(context.Context, pubsub.Metadata) error { return nil }

// Features says that topics may end with *.
func (b *bus) Features() []pubsub.Feature {
	return []pubsub.Feature{pubsub.FeatureSubscribeWildcards}
}

// GetComponentMetadata says that there is none.
func (b *bus) GetComponentMetadata() metadata.MetadataMap { return metadata.MetadataMap{} }

var errBusClosed = errors.New("component is closed")

// Publish gives the message to all subscriptions, and waits for those that
// have much left to do.
func (b *bus) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	b.mu.RLock()
	var to []*subscription
	for s := range b.subs {
		if s.takes(req.Topic) {
			to = append(to, s)
		}
	}
	b.mu.RUnlock()
	if b.isClosed() {
		return pubsub.NewTerminalError(errBusClosed)
	}
	for _, s := range to {
		m := &pubsub.NewMessage{Data: req.Data, Topic: s.topic, Metadata: req.Metadata, ContentType: req.ContentType}
		select {
		case s.messages <- m:
		case <-s.done:
		case <-b.closed:
			return pubsub.NewTerminalError(errBusClosed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *subscription) takes(topic string) bool {
	if s.topic == topic {
		return true
	}
	start, ok := strings.CutSuffix(s.topic, "*")
	return ok && strings.HasPrefix(topic, start) && topic != start
}

// Subscribe delivers to handler until ctx ends.
func (b *bus) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	s := &subscription{topic: req.Topic, messages: make(chan *pubsub.NewMessage, waiting), done: ctx.Done()}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return errBusClosed
	}
	b.subs[s] = struct{}{}
	b.wg.Go(func() {
		defer func() {
			b.mu.Lock()
			delete(b.subs, s)
			b.mu.Unlock()
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.closed:
				return
			case m := <-s.messages:
				if err := handler(ctx, m); err != nil {
					// Handlers say themselves what they do not take, and of whom.
					b.log.Debug(err)
				}
			}
		}
	})
	return nil
}

func (b *bus) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

// Close ends the subscriptions, and waits for handlers that run.
func (b *bus) Close() error {
	b.mu.Lock()
	if !b.isClosed() {
		close(b.closed)
	}
	b.mu.Unlock()
	b.wg.Wait()
	return nil
}
