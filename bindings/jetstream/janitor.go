package jetstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

const (
	// sweeps is how often in a dedup window the janitor looks where the stream
	// is what repeated events are known by.
	sweeps = 6
	// promptly is how often it looks where there is a log for that. Purging in
	// one go once a second costs a small part of what it costs the server to
	// remove each event for itself, as it does with work-queue retention: that
	// writes a record for each, and begins a new file whenever a queue becomes
	// empty.
	promptly = time.Second
	// nearFull is the share of its bound from which a queue gives up its
	// acknowledged events before the dedup window is over, in percent.
	nearFull = 80
	// roomy is the share that a queue is brought down to then, as far as what
	// was acknowledged behind a waiting event goes.
	roomy = 60
	// idleSweeps is how many sweeps a queue of a server that is not ours is left
	// alone by when no event passed it here: others may use it too.
	idleSweeps = 6
)

// janitor purges acknowledged events: at once where a log knows them, else once
// they are older than the dedup window. It never purges an event that is not
// acknowledged.
//
// The sooner, the less memory: the server keeps each block of a stream that was
// used within 10 s, 8 MB each, and drops it with its last event.
//
// The server purges from the oldest event on, so that one which waits keeps all
// that were acknowledged after it. Only when room is needed are those deleted
// one by one.
type janitor struct {
	b    *Broker
	quit chan struct{}
	gone chan struct{}
	now  chan struct{}
	// keep is how long an acknowledged event stays, every how often to look.
	keep, every time.Duration

	mu     sync.Mutex
	active map[string]bool
	// acked holds the sequences acknowledged through this Broker since the
	// last sweep, and those before that are behind a waiting event.
	acked  map[string][]uint64
	urgent map[string]bool
	past   map[string]*history
}

func newJanitor(b *Broker) *janitor {
	keep, every := b.opts.DedupWindow, b.opts.DedupWindow/sweeps
	if b.logs != nil {
		keep, every = 0, promptly
	}
	return &janitor{
		keep: keep, every: every,
		b: b, quit: make(chan struct{}), gone: make(chan struct{}), now: make(chan struct{}, 1),
		active: make(map[string]bool), acked: make(map[string][]uint64), urgent: make(map[string]bool), past: make(map[string]*history),
	}
}

// history tells the age of events by when the janitor saw them first.
type history struct {
	marks []mark
	skip  int
}

// mark: at that time, last was the newest event.
type mark struct {
	at   time.Time
	last uint64
}

// olderThan returns the newest event that is known to be older than t.
func (h *history) olderThan(t time.Time) uint64 {
	seq := uint64(0)
	for len(h.marks) > 0 && !h.marks[0].at.After(t) {
		seq = h.marks[0].last
		if len(h.marks) > 1 && !h.marks[1].at.After(t) {
			h.marks = h.marks[1:]
			continue
		}
		break
	}
	return seq
}

// settled notes that an event of the queue was acknowledged.
func (j *janitor) settled(queue string, seq uint64) {
	j.mu.Lock()
	j.active[queue] = true
	j.acked[queue] = append(j.acked[queue], seq)
	j.mu.Unlock()
}

// hurry asks for a sweep at once: the queue is full.
func (j *janitor) hurry(queue string) {
	j.mu.Lock()
	j.urgent[queue] = true
	j.mu.Unlock()
	select {
	case j.now <- struct{}{}:
	default:
	}
}

// forget drops what is known of a queue whose stream began anew.
func (j *janitor) forget(queue string) {
	j.mu.Lock()
	delete(j.acked, queue)
	delete(j.past, queue)
	j.mu.Unlock()
}

func (j *janitor) stop() {
	close(j.quit)
	<-j.gone
}

func (j *janitor) run() {
	defer close(j.gone)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-j.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	ticker := time.NewTicker(j.every)
	defer ticker.Stop()
	for {
		select {
		case <-j.quit:
			return
		case <-j.now:
			j.sweep(ctx, time.Now(), true)
		case now := <-ticker.C:
			j.sweep(ctx, now, false)
		}
	}
}

// sweep looks at every queue, or only at those that are urgent.
func (j *janitor) sweep(ctx context.Context, now time.Time, urgentOnly bool) {
	j.b.mu.Lock()
	queues := make([]*queue, 0, len(j.b.queues))
	for _, q := range j.b.queues {
		queues = append(queues, q)
	}
	j.b.mu.Unlock()
	for _, q := range queues {
		q.recent.forget(now)
		j.mu.Lock()
		h := j.past[q.name]
		if h == nil {
			h = &history{}
			j.past[q.name] = h
		}
		urgent, active := j.urgent[q.name], j.active[q.name]
		delete(j.urgent, q.name)
		delete(j.active, q.name)
		j.mu.Unlock()
		if urgentOnly && !urgent {
			continue
		}
		if !active && !urgent && h.skip > 0 {
			if j.b.logs == nil {
				h.skip--
			}
			continue
		}
		left, err := j.clean(ctx, q, h, now, urgent)
		if err != nil && ctx.Err() == nil {
			j.b.log.Debug("queue cannot be swept", "queue", q.name, "error", err)
		}
		h.skip = 0
		if !left {
			h.skip = idleSweeps
		}
	}
}

// clean purges what may go from one queue; it reports whether acknowledged
// events are left that have to wait.
func (j *janitor) clean(ctx context.Context, q *queue, h *history, now time.Time, urgent bool) (left bool, err error) {
	stream, err := j.b.js.Stream(ctx, q.stream)
	if err != nil {
		return true, err
	}
	st := stream.CachedInfo().State
	consumer, err := q.consumer.Info(ctx)
	if err != nil {
		return true, err
	}
	floor := consumer.AckFloor.Stream
	h.marks = append(h.marks, mark{at: now, last: st.LastSeq})
	upTo := min(floor, h.olderThan(now.Add(-j.keep)))
	full := st.Bytes > uint64(j.b.opts.MaxBytes)/100*nearFull || urgent //nolint:gosec // positive
	if full {
		if upTo < floor && floor >= st.FirstSeq && st.Msgs > 0 {
			j.b.log.Warn("queue is nearly full: repeated events may be routed twice, as acknowledged ones are dropped before the dedup window is over",
				"queue", q.name, "bytes", st.Bytes, "bound", j.b.opts.MaxBytes)
		}
		upTo = floor
	}
	if st.Msgs > 0 && upTo >= st.FirstSeq {
		// Purges what is before the sequence given.
		if err := stream.Purge(ctx, js.WithPurgeSequence(upTo+1)); err != nil {
			return true, err
		}
	}
	behind := j.behind(q.name, floor)
	if full && len(behind) > 0 {
		if err := j.makeRoom(ctx, q, stream, behind); err != nil {
			return true, err
		}
	}
	return st.Msgs > 0 && floor > upTo || len(behind) > 0, nil
}

// behind returns the sequences above floor that are acknowledged, oldest first,
// and forgets the others.
func (j *janitor) behind(queue string, floor uint64) []uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	left := slices.DeleteFunc(j.acked[queue], func(seq uint64) bool { return seq <= floor })
	if len(left) == 0 {
		delete(j.acked, queue)
		return nil
	}
	j.acked[queue] = left
	left = slices.Clone(left)
	slices.Sort(left)
	return left
}

// makeRoom deletes events that are acknowledged behind one that is not, until
// the queue is roomy.
func (j *janitor) makeRoom(ctx context.Context, q *queue, stream js.Stream, acked []uint64) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	most := uint64(j.b.opts.MaxBytes) / 100 * roomy //nolint:gosec // positive
	if info.State.Msgs == 0 || info.State.Bytes <= most {
		return nil
	}
	n := (info.State.Bytes-most)/(info.State.Bytes/info.State.Msgs) + 1
	acked = acked[:min(n, uint64(len(acked)))]
	if q.acked == nil {
		j.b.log.Warn("queue is nearly full behind an event that waits: acknowledged ones are dropped, and if repeated may be routed twice",
			"queue", q.name, "events", len(acked), "bound", j.b.opts.MaxBytes)
	}
	gone := make(map[uint64]bool, len(acked))
	for _, seq := range acked {
		if err = stream.DeleteMsg(ctx, seq); err != nil && !errors.Is(err, js.ErrMsgNotFound) {
			break
		}
		gone[seq], err = true, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked[q.name] = slices.DeleteFunc(j.acked[q.name], func(seq uint64) bool { return gone[seq] })
	return err
}
