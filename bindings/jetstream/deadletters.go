package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/mesh/delivery"
)

// Headers of a dead letter, beside the attributes of its event.
const (
	headerDeadID       = "weft-dead-id"
	headerDeadFunction = "weft-dead-function"
	headerDeadError    = "weft-dead-error"
	headerDeadAttempts = "weft-dead-attempts"
	headerDeadTrace    = "weft-dead-trace"
	headerDeadTime     = "weft-dead-time"
)

// maxDeadError bounds the error text, in bytes.
const maxDeadError = 4 << 10

// deadLetters implements delivery.DeadLetters: one message and one subject for
// each.
type deadLetters struct {
	b      *Broker
	stream js.Stream

	mu     sync.Mutex
	counts map[string]int
	asOf   deadState
}

// deadState changes whenever a dead letter comes or goes.
type deadState struct {
	last    uint64
	msgs    uint64
	deleted int
}

func newDeadLetters(ctx context.Context, b *Broker) (*deadLetters, error) {
	stream, err := b.ensureStream(ctx, js.StreamConfig{
		Name:              b.names.deadStream(),
		Subjects:          []string{b.names.subject + "_dead.>"},
		MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", b.names.deadStream(), b.mean(err))
	}
	return &deadLetters{b: b, stream: stream}, nil
}

// Add implements delivery.DeadLetters. A dead letter of that id that is still
// there makes it do nothing, however old.
func (d *deadLetters) Add(ctx context.Context, dl delivery.DeadLetter) error {
	err := d.put(ctx, dl, 0)
	if wrongSequence(err) {
		return nil
	}
	return err
}

// put stores a dead letter if its subject's last message is still that of seq.
func (d *deadLetters) put(ctx context.Context, dl delivery.DeadLetter, seq uint64) error {
	if !plainToken(dl.ID) {
		return fmt.Errorf("dead letter %q: an id is letters, digits, hyphens and underscores", dl.ID)
	}
	if dl.Event == nil {
		return fmt.Errorf("dead letter %s has no event", dl.ID)
	}
	m, err := toMessage(d.b.names.dead(dl.Function, dl.ID), dl.Event, 7)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", dl.ID, err)
	}
	text := dl.Error
	if len(text) > maxDeadError {
		text = strings.ToValidUTF8(text[:maxDeadError], "") + "..."
	}
	m.Header[headerDeadID] = []string{dl.ID}
	m.Header[headerDeadFunction] = []string{encode(dl.Function)}
	m.Header[headerDeadError] = []string{encode(text)}
	m.Header[headerDeadAttempts] = []string{strconv.Itoa(dl.Attempts)}
	m.Header[headerDeadTrace] = []string{encode(dl.TraceID)}
	m.Header[headerDeadTime] = []string{dl.Time.UTC().Format(time.RFC3339Nano)}
	m.Header[headerLastSeq] = []string{strconv.FormatUint(seq, 10)}
	_, err = d.b.publish(ctx, m)
	return err
}

// List implements delivery.DeadLetters.
func (d *deadLetters) List(ctx context.Context, function string, most int) ([]delivery.DeadLetter, error) {
	filter := d.b.names.subject + "_dead.>"
	if function != "" {
		filter = d.b.names.dead(function, "*")
	}
	var dls []delivery.DeadLetter
	var bad error
	err := eachMessage(ctx, d.stream, filter, func(m *js.RawStreamMsg) bool {
		dl, err := readDead(m)
		if err != nil {
			bad = err
		} else {
			dls = append(dls, dl)
		}
		return most <= 0 || len(dls) < most
	})
	if err == nil {
		err = bad
	}
	slices.SortStableFunc(dls, func(a, b delivery.DeadLetter) int { return a.Time.Compare(b.Time) })
	return dls, d.b.mean(err)
}

func readDead(m *js.RawStreamMsg) (delivery.DeadLetter, error) {
	text := func(key string) string {
		s, _ := decode(m.Header.Get(key))
		return s
	}
	dl := delivery.DeadLetter{
		ID: text(headerDeadID), Function: text(headerDeadFunction), Error: text(headerDeadError), TraceID: text(headerDeadTrace),
	}
	var err error
	if dl.Attempts, err = strconv.Atoi(text(headerDeadAttempts)); err != nil {
		return dl, fmt.Errorf("dead letter %s: attempts: %w", m.Subject, err)
	}
	if dl.Time, err = time.Parse(time.RFC3339Nano, text(headerDeadTime)); err != nil {
		return dl, fmt.Errorf("dead letter %s: time: %w", m.Subject, err)
	}
	if dl.Event, err = fromMessage(maps.Clone(m.Header), m.Data); err != nil {
		return dl, fmt.Errorf("dead letter %s: %w", m.Subject, err)
	}
	return dl, nil
}

// Count implements delivery.DeadLetters. What it costs when nothing changed
// since the last time does not grow with the number.
func (d *deadLetters) Count(ctx context.Context) (map[string]int, error) {
	info, err := d.stream.Info(ctx)
	if err != nil {
		return nil, d.b.mean(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := deadState{info.State.LastSeq, info.State.Msgs, info.State.NumDeleted}
	if d.counts != nil && d.asOf == now {
		return maps.Clone(d.counts), nil
	}
	prefix := d.b.names.subject + "_dead."
	info, err = d.stream.Info(ctx, js.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, d.b.mean(err)
	}
	counts := make(map[string]int)
	for subject := range info.State.Subjects {
		function, _, _ := strings.Cut(strings.TrimPrefix(subject, prefix), ".")
		counts[untoken(function)]++
	}
	d.counts, d.asOf = counts, now
	return maps.Clone(counts), nil
}

// untoken undoes token.
func untoken(s string) string {
	s, _ = decode(strings.ReplaceAll(s, "=", "%"))
	return s
}

// find returns the message of a dead letter.
func (d *deadLetters) find(ctx context.Context, id string) (*js.RawStreamMsg, error) {
	if !plainToken(id) {
		return nil, delivery.ErrNotFound
	}
	m, err := d.stream.GetLastMsgForSubject(ctx, d.b.names.subject+"_dead.*."+id)
	if errors.Is(err, js.ErrMsgNotFound) {
		return nil, delivery.ErrNotFound
	}
	return m, d.b.mean(err)
}

// Get implements delivery.DeadLetters.
func (d *deadLetters) Get(ctx context.Context, id string) (delivery.DeadLetter, error) {
	m, err := d.find(ctx, id)
	if err != nil {
		return delivery.DeadLetter{}, err
	}
	return readDead(m)
}

// Replace implements delivery.DeadLetters.
func (d *deadLetters) Replace(ctx context.Context, dl delivery.DeadLetter) error {
	m, err := d.find(ctx, dl.ID)
	if err != nil {
		return err
	}
	was, err := readDead(m)
	if err != nil {
		return err
	}
	dl.Function = cmp.Or(dl.Function, was.Function)
	if dl.Function != was.Function {
		return fmt.Errorf("dead letter %s is of function %s and stays so", dl.ID, was.Function)
	}
	if err := d.put(ctx, dl, m.Sequence); wrongSequence(err) {
		return fmt.Errorf("dead letter %s was changed or removed at the same time; look again", dl.ID)
	} else if err != nil {
		return err
	}
	return nil
}

// Remove implements delivery.DeadLetters.
func (d *deadLetters) Remove(ctx context.Context, id string) error {
	m, err := d.find(ctx, id)
	if err != nil {
		return err
	}
	err = d.stream.DeleteMsg(ctx, m.Sequence)
	if errors.Is(err, js.ErrMsgNotFound) {
		return delivery.ErrNotFound
	}
	return d.b.mean(err)
}
