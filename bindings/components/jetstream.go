package components

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/kit/logger"
)

// stream is pubsub.jetstream. Over that of components-contrib it does four
// things.
//
// It gives each consumer and topic a durable consumer of its own, unless
// metadata names one (durableName): that of components-contrib has an ephemeral
// one, so that nothing remembers what a function has had, and a durable one can
// serve one topic only.
//
// It connects anew after a server was away for longer than the client tries
// (two minutes), which otherwise is the end of the component.
//
// It handles messages in parallel without losing them: see serialise.
//
// And it logs what goes wrong on a connection: see logErrors.
type stream struct {
	log  logger.Logger
	base metadata.Base
	// width is how many messages of a topic are handled at a time.
	width int

	mu        sync.Mutex
	publisher pubsub.PubSub
	closed    chan struct{}
	wg        sync.WaitGroup
}

func newStream(log logger.Logger) pubsub.PubSub {
	return &stream{log: log, closed: make(chan struct{})}
}

const (
	durableName    = "durableName"
	queueGroupName = "queueGroupName"
	// watchEvery is how often the server of a subscription is looked for, and
	// longAway how long it must have been away for the subscription to be made
	// anew. The client gives up after 60 attempts, 2 s apart.
	watchEvery = 15 * time.Second
	longAway   = 100 * time.Second
	// takeOver is how long a subscription waits for one before it, of another
	// connection, to end.
	takeOver = 5 * time.Second
)

// Init connects.
func (s *stream) Init(ctx context.Context, md pubsub.Metadata) error {
	props := maps.Clone(md.Properties)
	width, why, err := serialise(props)
	if err != nil {
		return err
	}
	if why != "" {
		s.log.Warn(why)
	}
	s.base, s.width = metadata.Base{Name: md.Name, Properties: props}, width
	p, err := s.open(ctx, props)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publisher = p
	return nil
}

func (s *stream) open(ctx context.Context, props map[string]string) (pubsub.PubSub, error) {
	p := jetstream.NewJetStream(s.log)
	err := p.Init(ctx, pubsub.Metadata{Base: metadata.Base{Name: s.base.Name, Properties: maps.Clone(props)}})
	if err != nil {
		_ = part{pubsub: p}.close()
		return nil, err
	}
	logErrors(p, s.log)
	return p, nil
}

// Features are those of components-contrib's, none.
func (s *stream) Features() []pubsub.Feature { return nil }

// GetComponentMetadata tells of the metadata that may be set.
func (s *stream) GetComponentMetadata() metadata.MetadataMap {
	return part{pubsub: jetstream.NewJetStream(s.log)}.metadata()
}

// Publish publishes, on a new connection if the old one is at its end.
func (s *stream) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	p, err := s.current()
	if err != nil {
		return err
	}
	if err = p.Publish(ctx, req); err == nil || !strings.Contains(err.Error(), nats.ErrConnectionClosed.Error()) {
		return err
	}
	if p, err = s.renew(ctx, p); err != nil {
		return pubsub.NewRetriableError(err)
	}
	return p.Publish(ctx, req)
}

func (s *stream) current() (pubsub.PubSub, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() || s.publisher == nil {
		return nil, pubsub.NewTerminalError(errBusClosed)
	}
	return s.publisher, nil
}

// renew replaces the publisher, unless someone else has.
func (s *stream) renew(ctx context.Context, old pubsub.PubSub) (pubsub.PubSub, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, pubsub.NewTerminalError(errBusClosed)
	}
	if s.publisher != old {
		return s.publisher, nil
	}
	p, err := s.open(ctx, s.base.Properties)
	if err != nil {
		return nil, err
	}
	_ = part{pubsub: old}.close()
	s.publisher = p
	return p, nil
}

func (s *stream) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// notInDurable matches what the name of a durable consumer must not hold.
var notInDurable = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// durable names the durable consumer of a topic. The hash keeps apart what
// reads the same without the letters that a name must not hold.
func durable(consumer, topic string) string {
	sum := sha256.Sum256([]byte(consumer + "\x00" + topic))
	plain := notInDurable.ReplaceAllString(consumer+"-"+topic, "_")
	return fmt.Sprintf("%.64s-%s", plain, hex.EncodeToString(sum[:4]))
}

// Subscribe delivers to handler until ctx ends.
func (s *stream) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	if s.isClosed() {
		return errBusClosed
	}
	props := maps.Clone(s.base.Properties)
	if get(props, durableName) == "" {
		name := durable(get(props, consumerID), req.Topic)
		props[durableName] = name
		if get(props, queueGroupName) == "" {
			props[queueGroupName] = name
		}
	}
	sub, err := s.subscribe(ctx, props, req, handler)
	if err != nil {
		return err
	}
	// Close waits for those that it finds: a subscription that comes to be while
	// it closes is none of them.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return errors.Join(errBusClosed, part{pubsub: sub}.close())
	}
	s.wg.Go(func() {
		defer func() { _ = part{pubsub: sub}.close() }()
		s.watch(ctx, func() bool {
			next, err := s.subscribe(ctx, props, req, handler)
			if err != nil {
				s.log.Warnf("the subscription to %s is not back yet: %v", req.Topic, err)
				return false
			}
			_ = part{pubsub: sub}.close()
			sub = next
			return true
		})
	})
	return nil
}

// subscribe opens an instance for a subscription. A durable consumer has one
// subscriber at a time: it waits for the one before to end.
func (s *stream) subscribe(ctx context.Context, props map[string]string, req pubsub.SubscribeRequest, handler pubsub.Handler) (pubsub.PubSub, error) {
	p, err := s.open(ctx, props)
	if err != nil {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += firstPause {
		err := p.Subscribe(ctx, req, handler)
		if err == nil {
			// The first has made the durable consumer: the others join it.
			var others errgroup.Group
			for range s.width - 1 {
				others.Go(func() error { return p.Subscribe(ctx, req, handler) })
			}
			if err = others.Wait(); err != nil {
				return nil, errors.Join(err, part{pubsub: p}.close())
			}
			return p, nil
		}
		var taken *nats.APIError
		if errors.As(err, &taken) && taken.ErrorCode == consumerNameTaken && waited < takeOver {
			select {
			case <-ctx.Done():
			case <-s.closed:
			case <-time.After(firstPause):
				continue
			}
		}
		if errors.Is(err, nats.ErrConsumerNameAlreadyInUse) && taken == nil {
			err = fmt.Errorf("the durable consumer %s was made with other settings: remove it from the stream, where it forgets what it has had, or set durableName to another: %w",
				get(props, durableName), err)
		}
		return nil, errors.Join(err, part{pubsub: p}.close())
	}
}

// consumerNameTaken is JSConsumerNameExistErr of nats-server.
const consumerNameTaken nats.ErrorCode = 10013

// watch calls renew once the server is back after longAway or longer, and
// again until it succeeds.
func (s *stream) watch(ctx context.Context, renew func() bool) {
	servers, err := natsServer(s.base.Properties)
	if err != nil {
		servers = nil
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var away time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.closed:
			return
		case <-tick.C:
		}
		dial, cancel := context.WithTimeout(ctx, watchEvery/3)
		err := reach(dial, servers)
		cancel()
		switch {
		case err != nil && away.IsZero():
			away = time.Now()
		case err != nil || away.IsZero():
		case time.Since(away) < longAway || renew():
			away = time.Time{}
		}
	}
}

// Close ends the subscriptions and disconnects.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.isClosed() {
		s.mu.Unlock()
		return nil
	}
	close(s.closed)
	p := s.publisher
	s.mu.Unlock()
	s.wg.Wait()
	if p == nil {
		return nil
	}
	return part{pubsub: p}.close()
}
