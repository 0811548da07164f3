package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/mesh/delivery"
)

// publishTimeout bounds one publish whose context has no end.
const publishTimeout = 5 * time.Second

// Publish implements delivery.Broker.
func (b *Broker) Publish(ctx context.Context, queue string, e *event.Event) error {
	msg, err := toMessage(b.names.queueSubject(queue), e, 1)
	if err != nil {
		return err
	}
	k := eventKey(e.Source(), e.ID())
	msg.Header[headerMsgID] = []string{k.String()}
	if err := b.fits(msg); err != nil {
		return err
	}
	q, err := b.queue(queue)
	if err == nil && q.recent != nil {
		err = b.publishOnce(ctx, q, k, msg)
	} else {
		_, err = b.publish(ctx, msg)
	}
	if errors.Is(err, delivery.ErrQueueFull) {
		b.clean.hurry(queue)
	}
	return err
}

const (
	// maxHeader is the server's bound for the headers of a message, in bytes.
	maxHeader = 64 << 10
	// deadRoom is what a dead letter has beyond its event, in bytes: the error,
	// of which percent-encoding makes three times as much, names and times.
	deadRoom = 3*maxDeadError + 4<<10
)

// Fits returns delivery.ErrTooLarge for an event that Publish would never take.
func (b *Broker) Fits(e *event.Event) error {
	msg, err := toMessage("", e, 1)
	if err != nil {
		return err
	}
	msg.Header[headerMsgID] = []string{key{}.String()}
	return b.fits(msg)
}

// fits refuses an event that could not become a dead letter if it had to.
func (b *Broker) fits(m *nats.Msg) error {
	header := len("NATS/1.0\r\n\r\n")
	for key, values := range m.Header {
		for _, v := range values {
			header += len(key) + len(": \r\n") + len(v)
		}
	}
	if header > maxHeader-deadRoom {
		return fmt.Errorf("%w: its attributes take %d bytes, and %d is the limit", delivery.ErrTooLarge, header, maxHeader-deadRoom)
	}
	if size, most := int64(header+len(m.Data)), b.nc.MaxPayload()-deadRoom; size > most {
		return fmt.Errorf("%w: it takes %d bytes, and %d is the limit", delivery.ErrTooLarge, size, most)
	}
	return nil
}

// publish stores a message and returns its sequence.
func (b *Broker) publish(ctx context.Context, msg *nats.Msg) (uint64, error) {
	if err := b.takes(); err != nil {
		return 0, err
	}
	defer b.files.touch()
	bounded, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	resp, err := b.nc.RequestMsgWithContext(bounded, msg)
	if err != nil {
		return 0, b.unanswered(ctx, err)
	}
	return b.stored(resp.Data)
}

// takes says why nothing can be published, nil if it can.
func (b *Broker) takes() error {
	if b.isClosed() {
		return delivery.ErrClosed
	}
	if why := b.unwell.Load(); why != nil {
		return *why
	}
	// What is published without a connection would be sent when there is one
	// again, long after its sender was told that it failed.
	if b.lost != nil && !b.nc.IsConnected() {
		return errDisconnected
	}
	return nil
}

var errDisconnected = errors.New("there is no connection to the queues; it is made again")

// unanswered says why a publish under ctx ended with err and without an answer.
func (b *Broker) unanswered(ctx context.Context, err error) error {
	if why := b.unwell.Load(); why != nil {
		return *why
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("no answer from the queues within %v", publishTimeout)
	}
	return b.mean(err)
}

// stored reads the server's answer to a publish: the sequence, or why there is
// none.
func (b *Broker) stored(answer []byte) (uint64, error) {
	var ack pubAck
	if !ack.parse(answer) {
		if err := json.Unmarshal(answer, &ack); err != nil {
			return 0, fmt.Errorf("answer of the server: %w", err)
		}
	}
	if ack.Error != nil {
		return 0, b.mean(ack.Error)
	}
	return ack.Seq, nil
}

// pubAck answers a publish.
type pubAck struct {
	Error *js.APIError `json:"error"`
	Seq   uint64       `json:"seq"`
}

// parse reads the one shape that a successful publish has,
// {"stream":"S","seq":N} with more after it, without reflection.
func (a *pubAck) parse(data []byte) bool {
	const key = `"seq":`
	if !bytes.HasPrefix(data, []byte(`{"stream":`)) {
		return false
	}
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return false
	}
	n := uint64(0)
	digits := 0
	for _, c := range data[i+len(key):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + uint64(c-'0')
		digits++
	}
	a.Seq = n
	return digits > 0 && digits < 20
}
