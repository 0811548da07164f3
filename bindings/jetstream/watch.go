package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// A server that is not ours goes away and comes back, at times without what it
// held. The watch has subscriptions ask anew once there is a connection again,
// as the server may have forgotten what they asked for, and makes anew what is
// not there any more: streams and consumers that were deleted.
//
// A server that is no cluster frees the name of a stream or consumer before it
// is done with deleting it, and its directory last. What is made in between is
// made in that directory, and loses it: such a stream answers no publish any
// more, and what it took is gone with the server's next start, as is the stream.
// So what is missing is made only if it still is after a pause, and a stream that
// was made is asked whether it has its directory.

const (
	// mendEvery is the least time between two attempts to make anew what is
	// missing.
	mendEvery = time.Second
	// mendWithin bounds each step of an attempt: a request that was on its way
	// when the connection broke is never answered.
	mendWithin = 3 * time.Second
	// deletedWithin is how long the server has to finish a deletion; that of a
	// stream takes it some milliseconds.
	deletedWithin = time.Second
)

// missing says that a stream or consumer was not found.
func (b *Broker) missing() {
	if b.lost == nil {
		return
	}
	select {
	case b.lost <- struct{}{}:
	default:
	}
}

// watch runs until the Broker closes.
func (b *Broker) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-b.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	up := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(up)
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, on := <-up:
			if !on {
				return // the connection was closed
			}
			b.interrupt()
		case <-b.lost:
		}
		if b.nc.IsConnected() {
			b.mendAll(ctx)
		}
		rest.Reset(mendEvery)
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
	}
}

// mendAll looks for all streams and consumers, and tries again later if it
// cannot make one that is missing.
func (b *Broker) mendAll(ctx context.Context) {
	made, err := b.mend(ctx)
	if err == nil {
		b.ailing.Store(nil)
	} else if ctx.Err() == nil {
		if b.ailing.Swap(&err) == nil {
			b.log.Warn("the server does not have all queues, and they cannot be made; will try on", "error", err.Error())
		}
		b.missing()
	}
	if made {
		b.interrupt()
	}
}

// part is what a Broker has at the server: a stream, with a consumer if it is a
// queue's.
type part struct {
	stream   string
	consumer string // empty if there is none
	remake   func(ctx context.Context, lost loss) error
}

// loss is what is missing of a part.
type loss string

const (
	lostNothing  loss = ""
	lostConsumer loss = "consumer"
	lostStream   loss = "stream"
)

// parts lists what there should be. Queues come last: to make one takes the
// stream of small values.
func (b *Broker) parts() []part {
	parts := []part{
		{stream: b.names.deadStream(), remake: func(ctx context.Context, _ loss) error { _, err := newDeadLetters(ctx, b); return err }},
		{stream: b.names.stateStream(), remake: func(ctx context.Context, _ loss) error { _, err := newState(ctx, b); return err }},
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.queues {
		parts = append(parts, part{
			stream: q.stream, consumer: consumerName,
			remake: func(ctx context.Context, lost loss) error { return b.remakeQueue(ctx, q, lost) },
		})
	}
	return parts
}

// mend makes what is missing.
func (b *Broker) mend(ctx context.Context) (made bool, err error) {
	for len(b.fresh) > 0 {
		if err := b.checkMade(ctx, b.fresh[0]); err != nil {
			return false, fmt.Errorf("stream %s: %w", b.fresh[0], err)
		}
		b.fresh = b.fresh[1:]
	}
	missing, err := b.look(ctx, b.parts())
	if err != nil || len(missing) == 0 {
		return false, err
	}
	if err := pause(ctx, deletedWithin); err != nil {
		return false, err
	}
	made, err = b.remake(ctx, missing)
	if len(b.fresh) > 0 {
		b.missing() // to look at them in the next round
	}
	return made, err
}

// look returns the parts of which something is missing.
func (b *Broker) look(ctx context.Context, parts []part) (missing []part, err error) {
	for _, p := range parts {
		lost, err := b.lostOf(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", p.stream, err)
		}
		if lost != lostNothing {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// lostOf says what is missing of a part.
func (b *Broker) lostOf(ctx context.Context, p part) (loss, error) {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	stream, err := b.js.Stream(ctx, p.stream)
	switch {
	case errors.Is(err, js.ErrStreamNotFound):
		return lostStream, nil
	case err != nil || p.consumer == "":
		return lostNothing, err
	}
	if _, err = stream.Consumer(ctx, p.consumer); errors.Is(err, js.ErrConsumerNotFound) {
		return lostConsumer, nil
	}
	return lostNothing, err
}

// remake makes what is still missing.
func (b *Broker) remake(ctx context.Context, parts []part) (made bool, err error) {
	b.declaring.Lock()
	defer b.declaring.Unlock()
	for _, p := range parts {
		lost, err := b.lostOf(ctx, p)
		if err == nil && lost != lostNothing {
			err = b.remakeOne(ctx, p, lost)
		}
		if err != nil {
			return made, fmt.Errorf("stream %s: %w", p.stream, err)
		}
		made = made || lost != lostNothing
	}
	return made, nil
}

func (b *Broker) remakeOne(ctx context.Context, p part, lost loss) error {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	if lost == lostStream {
		b.fresh = append(b.fresh, p.stream)
	}
	if err := p.remake(ctx, lost); err != nil {
		return err
	}
	b.log.Error("the server had lost what holds events, which was made anew", "stream", p.stream, "lost", string(lost))
	return nil
}

// remakeQueue makes the stream and the consumer of a queue.
func (b *Broker) remakeQueue(ctx context.Context, q *queue, lost loss) error {
	if lost == lostStream {
		// Sequences begin anew, and what is known by the old ones is wrong.
		if err := b.state.stream.Purge(ctx, js.WithPurgeSubject(b.names.attempts(q.name)+"*")); err != nil {
			return err
		}
		q.attempts.mu.Lock()
		clear(q.attempts.known)
		q.attempts.mu.Unlock()
		b.clean.forget(q.name)
	}
	_, err := b.declare(ctx, q.name)
	return err
}

// checkMade deletes a stream that was just made and has lost its directory to
// the deletion of the one before. The server writes there when a stream is
// updated, even to what it is. An error is one that does not let it find out;
// that the server refuses is none.
func (b *Broker) checkMade(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	stream, err := b.js.Stream(ctx, name)
	if err == nil {
		_, err = b.js.UpdateStream(ctx, stream.CachedInfo().Config)
	}
	switch {
	case lacksDirectory(err):
		b.log.Error("a stream was made before the server was done with deleting it, and is made once more", "stream", name, "error", err.Error())
		if err = b.js.DeleteStream(ctx, name); errors.Is(err, js.ErrStreamNotFound) {
			return nil // another process was first
		}
		return err
	case b.nc.IsConnected():
		return nil
	}
	return err
}

// lacksDirectory tells a stream without a directory from one that cannot be
// written, whose events are still there.
func lacksDirectory(err error) bool {
	var api *js.APIError
	return errors.As(err, &api) && api.ErrorCode == codeUpdateFailed && strings.Contains(api.Description, "no such file or directory")
}

// pause waits for d, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Well says why the server cannot take events at present; nil if it can, as far
// as is known. Connect only.
func (b *Broker) Well() error {
	if s := b.nc.Status(); s != nats.CONNECTED {
		return fmt.Errorf("the connection to NATS is %s", s)
	}
	if why := b.ailing.Load(); why != nil {
		return *why
	}
	return nil
}
