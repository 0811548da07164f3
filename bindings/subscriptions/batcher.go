package subscriptions

import (
	"context"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/uuid"
)

// batcher collects messages for a component that brings them one by one. A
// batch is full when it holds as many as the subscription says, or when its
// first message has waited as long.
type batcher struct {
	l           *listener
	w           *want
	immediately bool
	in          chan batched
	ended       <-chan struct{}
}

// batched is a message that waits for what becomes of it.
type batched struct {
	entry  pubsub.BulkMessageEntry
	result chan error
}

// newBatcher starts one that runs until ctx ends. Where a component brings no
// second message before the first is answered, immediately has none wait.
func newBatcher(ctx context.Context, l *listener, w *want, immediately bool) *batcher {
	b := &batcher{l: l, w: w, immediately: immediately, in: make(chan batched), ended: ctx.Done()}
	go b.run(ctx)
	return b
}

// add is what the component calls with each message.
func (b *batcher) add(ctx context.Context, msg *pubsub.NewMessage) error {
	if msg == nil {
		return nil
	}
	m := batched{
		entry:  pubsub.BulkMessageEntry{EntryId: uuid.NewString(), Event: msg.Data, Metadata: msg.Metadata},
		result: make(chan error, 1),
	}
	if msg.ContentType != nil {
		m.entry.ContentType = *msg.ContentType
	}
	select {
	case b.in <- m:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ended:
		return errStopping
	}
	select {
	case err := <-m.result:
		return err
	case <-b.ended:
		return errStopping
	}
}

func (b *batcher) run(ctx context.Context) {
	for {
		select {
		case first := <-b.in:
			b.flush(ctx, b.collect(ctx, first))
		case <-ctx.Done():
			return
		}
	}
}

// collect waits for the batch that begins with first.
func (b *batcher) collect(ctx context.Context, first batched) []batched {
	batch := []batched{first}
	full := time.NewTimer(b.w.bulk.MaxAwait)
	defer full.Stop()
	for len(batch) < b.w.bulk.MaxMessages {
		if b.immediately {
			select {
			case m := <-b.in:
				batch = append(batch, m)
				continue
			default:
				return batch
			}
		}
		select {
		case m := <-b.in:
			batch = append(batch, m)
		case <-full.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// flush delivers a batch and tells each message what became of it.
func (b *batcher) flush(ctx context.Context, batch []batched) {
	bulk := &pubsub.BulkMessage{Topic: b.w.Topic, Metadata: map[string]string{}}
	for _, m := range batch {
		bulk.Entries = append(bulk.Entries, m.entry)
	}
	out, err := b.l.handleBulk(ctx, bulk)
	for i, m := range batch {
		switch {
		case err == nil:
			m.result <- nil
		case i < len(out):
			m.result <- out[i].Error
		default:
			m.result <- err
		}
	}
}
