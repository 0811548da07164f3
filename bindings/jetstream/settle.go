package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/mesh/delivery"
)

// The answers that settle a message.
var (
	ackMsg   = []byte("+ACK")
	nak      = []byte("-NAK")
	progress = []byte("+WPI")
)

func nakAfter(d time.Duration) []byte {
	b := append([]byte(nil), `-NAK {"delay":`...)
	b = strconv.AppendInt(b, int64(d), 10)
	return append(b, '}')
}

// errNoEvent marks a message that is no CloudEvent.
var errNoEvent = errors.New("not a CloudEvent")

// errSettled marks a message that an earlier run acknowledged.
var errSettled = errors.New("already acknowledged")

// inHand implements delivery.Delivery.
type inHand struct {
	b        *Broker
	q        *queue
	reply    string
	id       string // by which a repetition is known
	event    *event.Event
	seq      uint64
	tries    uint64 // times the server handed it out
	enqueued time.Time
	attempts int
}

func (b *Broker) newDelivery(ctx context.Context, q *queue, m *nats.Msg) (*inHand, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	id := ""
	if v := m.Header[headerMsgID]; len(v) > 0 {
		id = v[0]
	}
	if q.acked.settled(id, meta.Timestamp) {
		b.clean.settled(q.name, meta.Sequence.Stream)
		return nil, errSettled
	}
	e, err := fromMessage(m.Header, m.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoEvent, err)
	}
	d := &inHand{
		b: b, q: q, reply: m.Reply, id: id, event: e,
		seq: meta.Sequence.Stream, tries: meta.NumDelivered, enqueued: meta.Timestamp,
	}
	d.attempts, err = b.state.attemptsOf(ctx, q, d.seq, d.tries)
	return d, err
}

func (d *inHand) Event() *event.Event { return d.event }
func (d *inHand) Attempts() int       { return d.attempts }
func (d *inHand) Enqueued() time.Time { return d.enqueued }

// Ack implements delivery.Delivery. The server is told without waiting for its
// answer: were it lost, the event would come again. The id is written first, as
// the event may be gone from the queue as soon as it is acknowledged.
func (d *inHand) Ack(ctx context.Context) error {
	if err := d.q.acked.add(d.id, d.enqueued); err != nil {
		return err
	}
	if err := d.respond(ackMsg); err != nil {
		return err
	}
	d.q.lastAck.Store(&d.reply)
	d.b.clean.settled(d.q.name, d.seq)
	d.b.files.touch()
	if d.attempts > 0 {
		return d.b.state.dropAttempts(ctx, d.q, d.seq)
	}
	return nil
}

// Retry implements delivery.Delivery.
func (d *inHand) Retry(ctx context.Context, pause time.Duration, attempts int) error {
	if attempts != d.attempts {
		if err := d.b.state.putAttempts(ctx, d.q, d.seq, d.tries, attempts); err != nil {
			return fmt.Errorf("record attempt %d: %w", attempts, err)
		}
	}
	if pause <= 0 {
		return d.respond(nak)
	}
	return d.respond(nakAfter(pause))
}

// Release implements delivery.Delivery.
func (d *inHand) Release(context.Context) error { return d.respond(nak) }

// Progress implements delivery.Delivery.
func (d *inHand) Progress(context.Context) error { return d.respond(progress) }

func (d *inHand) respond(answer []byte) error {
	if err := d.b.nc.Publish(d.reply, answer); err != nil {
		return fmt.Errorf("queue %s: %w", d.q.name, d.b.mean(err))
	}
	return nil
}

// refuse puts a message that is no event with the dead letters, as an event
// that holds its bytes, and takes it off the queue.
func (b *Broker) refuse(ctx context.Context, q *queue, m *nats.Msg, cause error) {
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	e := event.New()
	e.SetID(q.stream + "-" + strconv.FormatUint(meta.Sequence.Stream, 10))
	e.SetSource("/weft/unreadable")
	e.SetType("weft.unreadable")
	e.SetTime(meta.Timestamp)
	_ = e.SetData("application/octet-stream", m.Data)
	err = b.dead.Add(ctx, delivery.DeadLetter{
		ID: eventKey(e.Source(), e.ID()).String(), Function: q.name, Event: &e,
		Error: fmt.Sprintf("a message in the queue is %v", cause), Time: time.Now(),
	})
	if err != nil {
		_ = m.Respond(nakAfter(time.Second))
		return
	}
	_ = m.Respond(ackMsg)
}
