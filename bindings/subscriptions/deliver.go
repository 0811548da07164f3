package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dapr/components-contrib/pubsub"

	"github.com/weftmesh/weft/mesh/delivery"
)

// deadLetterTimeout bounds the publishing to a dead-letter topic, which the
// component's own time for the message does not (daprd's figure).
const deadLetterTimeout = 30 * time.Second

// errDropped says that the subscriber wants a message neither now nor later.
var errDropped = errors.New("the message was dropped")

// take brings a message to the subscriber, and what cannot be brought to the
// dead-letter topic, if there is one.
func (l *listener) take(ctx context.Context, in *pubsub.NewMessage) error {
	w := l.want.Load()
	msg, err := w.read(in)
	switch {
	case errors.Is(err, errExpired), errors.Is(err, errNoRoute):
		l.counts.unrouted(err)
		l.m.log.Debug("a message was dropped: "+err.Error(), "function", l.mem.f.Name, "pubsub", w.PubSub,
			"topic", msg.Topic, "id", msg.text(pubsub.IDField))
		if w.DeadLetterTopic != "" {
			// What would be dropped anyway is not brought again for it.
			_ = l.deadLetter(ctx, w, &msg.NewMessage)
		}
		return nil
	case err != nil:
		return l.failed(ctx, w, msg, fmt.Errorf("read the message: %w", err))
	}

	err = l.deliver(ctx, msg)
	var unavailable *delivery.UnavailableError
	switch {
	case err == nil:
		l.counts.delivered.Add(1)
		return nil
	case errors.Is(err, errDropped):
		l.counts.dropped.Add(1)
		l.tell("a message was dropped", w, msg, err)
		if w.DeadLetterTopic != "" {
			return l.deadLetter(ctx, w, &msg.NewMessage)
		}
		return nil
	case l.gate.isShut(), errors.Is(err, errStopping):
		return errStopping
	case errors.As(err, &unavailable):
		// The message is not at fault, so it is no dead letter. A broker that
		// brings it again at once would do so in a tight circle.
		l.counts.retried.Add(1)
		l.tell("a message goes back", w, msg, err)
		l.mem.pauses.wait(ctx, l.m.ending)
		return err
	}
	return l.failed(ctx, w, msg, err)
}

// failed has the last word on a message that could not be delivered: the
// dead-letter topic if there is one, else the component's redelivery.
func (l *listener) failed(ctx context.Context, w *want, msg *message, err error) error {
	l.tell("a message was not delivered", w, msg, err)
	if w.DeadLetterTopic != "" && l.deadLetter(ctx, w, &msg.NewMessage) == nil {
		return nil
	}
	l.counts.retried.Add(1)
	return err
}

// deadLetter publishes a message to the dead-letter topic as it came. An error
// has been told.
func (l *listener) deadLetter(ctx context.Context, w *want, msg *pubsub.NewMessage) error {
	err := l.publish(ctx, w, msg)
	if err != nil {
		err = fmt.Errorf("publish to the dead-letter topic %s: %w", w.DeadLetterTopic, err)
		if ok, unsaid := l.told.now(); ok {
			l.m.log.Error("a message found no place in the dead-letter topic", "function", l.mem.f.Name, "pubsub", w.PubSub,
				"topic", w.Topic, "error", err.Error(), "unsaid", unsaid)
		}
		return err
	}
	l.counts.deadLettered.Add(1)
	return nil
}

func (l *listener) publish(ctx context.Context, w *want, msg *pubsub.NewMessage) error {
	ps := l.m.pubsub(l.mem.f, w.PubSub)
	if ps == nil {
		return fmt.Errorf("pub/sub component %s is not open", w.PubSub)
	}
	if !ps.MayPublish(l.mem.f, w.DeadLetterTopic) {
		return fmt.Errorf("the topic scopes of %s do not let function %s publish there", w.PubSub, l.mem.f.Name)
	}
	// What cancels the component's work cancels this; its deadline does not: the
	// function may have used that up.
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadLetterTimeout)
	defer cancel()
	return ps.Publisher().Publish(ctx, &pubsub.PublishRequest{
		Data: msg.Data, PubsubName: w.PubSub, Topic: w.DeadLetterTopic, Metadata: msg.Metadata, ContentType: msg.ContentType,
	})
}

// tell logs what became of a message, the first of many.
func (l *listener) tell(what string, w *want, msg *message, err error) {
	ok, unsaid := l.told.now()
	if !ok {
		l.m.log.Debug(what, "function", l.mem.f.Name, "pubsub", w.PubSub, "topic", msg.Topic, "error", err.Error())
		return
	}
	attrs := []any{"function", l.mem.f.Name, "pubsub", w.PubSub, "topic", msg.Topic, "error", err.Error()}
	if id := msg.text(pubsub.IDField); id != "" {
		attrs = append(attrs, "id", id)
	}
	if unsaid > 0 {
		attrs = append(attrs, "unsaid", unsaid)
	}
	if w.DeadLetterTopic != "" {
		attrs = append(attrs, "deadLetterTopic", w.DeadLetterTopic)
	}
	l.m.log.Warn(what, attrs...)
}
