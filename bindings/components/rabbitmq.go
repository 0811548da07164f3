package components

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	"github.com/dapr/kit/logger"
	kitstrings "github.com/dapr/kit/strings"
)

// rabbit is pubsub.rabbitmq, but for what it says of a publish: that of
// components-contrib answers that a message was published where its server
// refused it, where the connection ended before the server confirmed it, and
// where the caller gave up while it was waiting to try again.
type rabbit struct {
	pubsub.PubSub
	confirms bool

	mu    sync.Mutex
	lines map[string]*line
}

func newRabbit(log logger.Logger) pubsub.PubSub {
	r := &rabbit{lines: make(map[string]*line)}
	r.PubSub = rabbitmq.NewRabbitMQ(rabbitLog{log, r})
	return r
}

// Init connects.
func (r *rabbit) Init(ctx context.Context, md pubsub.Metadata) error {
	r.confirms = kitstrings.IsTruthy(get(md.Properties, "publisherConfirm"))
	return r.PubSub.Init(ctx, md)
}

// line is where the publishes to a topic wait for their turn. What the
// component logs names the topic and nothing else, so that it tells whose
// message was lost only if there is one at a time. It publishes one at a time in
// any case.
type line struct {
	turn chan struct{}
	lost atomic.Bool
	// broken closes when a publish failed, for those that wait behind it: each
	// would try as long, one after the other.
	broken chan struct{}
}

var (
	errUnconfirmed = errors.New("the server did not confirm that it has the message")
	errBrokenLine  = errors.New("the publish before it to the same topic failed")
)

// Publish publishes, or says that it did not. With publisherConfirm true, no
// error means that the server has the message. Without, it means that the
// message was sent.
func (r *rabbit) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	if !r.confirms {
		if err := r.PubSub.Publish(ctx, req); err != nil {
			return err
		}
		return ctx.Err()
	}
	l, broken := r.line(req.Topic)
	select {
	case l.turn <- struct{}{}:
	case <-broken:
		return pubsub.NewRetriableError(errBrokenLine)
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	// The component waits for the server whatever becomes of ctx.
	go func() {
		defer func() { <-l.turn }()
		l.lost.Store(false)
		err := r.PubSub.Publish(ctx, req)
		switch {
		case err != nil:
			r.breakLine(l)
		case l.lost.Load():
			err = pubsub.NewRetriableError(errUnconfirmed)
		default:
			err = ctx.Err()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *rabbit) line(topic string) (l *line, broken <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l = r.lines[topic]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1), broken: make(chan struct{})}
		r.lines[topic] = l
	}
	return l, l.broken
}

func (r *rabbit) breakLine(l *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(l.broken)
	l.broken = make(chan struct{})
}

// lose notes that the message that is being published to topic was lost.
func (r *rabbit) lose(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.lines[topic]; l != nil {
		l.lost.Store(true)
	}
}

// GetComponentMetadata tells of the metadata that may be set.
func (r *rabbit) GetComponentMetadata() metadata.MetadataMap {
	return part{pubsub: r.PubSub}.metadata()
}

// rabbitLog hears what the component says only to its log: that a message was
// not confirmed. The component says so before its Publish returns.
type rabbitLog struct {
	logger.Logger
	r *rabbit
}

// Parts of the line, as of components-contrib 1.18: they are around the topic.
const (
	lostBefore = "rabbitmq pub/sub: publishing to "
	lostAfter  = " failed: did not receive confirmation of publishing"
)

// Errorf logs, but for what the caller of Publish is told.
func (l rabbitLog) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if rest, ok := strings.CutPrefix(text, lostBefore); ok {
		if topic, ok := strings.CutSuffix(rest, lostAfter); ok {
			l.r.lose(topic)
			return
		}
	}
	l.Logger.Error(text)
}
