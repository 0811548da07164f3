package subscriptions

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dapr/components-contrib/bindings"
)

// reading holds what reads from input bindings in this process. Two generations
// of a mesh share a binding that has not changed, and most bindings can be read
// by one only: so the next generation takes over the reading of the one before,
// and no event falls between them.
var reading = struct {
	sync.Mutex
	of map[bindings.InputBinding]*reader
}{of: make(map[bindings.InputBinding]*reader)}

// reader reads from an input binding, for one inlet at a time.
type reader struct {
	binding bindings.InputBinding
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	to      *claim
	changed chan struct{} // closes when to does
}

// claim is an inlet's hold on a reader, until another's.
type claim struct {
	in     *inlet
	reader *reader
}

// read has the events of in's binding go to in from now on, unless a later
// generation has them already.
func (in *inlet) read() *claim {
	reading.Lock()
	defer reading.Unlock()
	c := &claim{in: in, reader: reading.of[in.binding]}
	if r := c.reader; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.to.in.born > in.born {
			return c
		}
		r.to = c
		close(r.changed)
		r.changed = make(chan struct{})
		return c
	}
	r := &reader{binding: in.binding, done: make(chan struct{}), to: c, changed: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	c.reader = r
	reading.of[in.binding] = r
	go r.run(in.m.log.With("binding", in.name))
	return c
}

// holds says whether no other inlet has taken the reading over.
func (c *claim) holds() bool {
	to, _ := c.reader.target()
	return to == c
}

// release ends the reading, unless another inlet has taken it over.
func (c *claim) release() {
	reading.Lock()
	r, holds := c.reader, c.holds()
	if holds {
		delete(reading.of, r.binding)
		r.cancel()
	}
	reading.Unlock()
	if holds {
		<-r.done
	}
}

func (r *reader) target() (*claim, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to, r.changed
}

// run reads, and tries again while the binding refuses.
func (r *reader) run(log *slog.Logger) {
	defer close(r.done)
	since := time.Now()
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		ctx, cancel := context.WithCancel(r.ctx)
		err := r.read(ctx)
		if err == nil {
			if pause > firstRetry {
				log.Info("reading after all", "after", time.Since(since).Round(time.Millisecond))
			}
			<-r.ctx.Done()
			cancel()
			return
		}
		cancel()
		if r.ctx.Err() != nil {
			return
		}
		if pause == firstRetry {
			log.Warn("the input binding is not read yet: it refuses, and is tried again until it does not", "error", err.Error())
		} else {
			log.Debug("the input binding is still not read", "error", err.Error())
		}
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (r *reader) read(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the binding panicked: %v", p)
		}
	}()
	return r.binding.Read(ctx, r.handle)
}

// handle is what the binding calls with each event. An event that comes while
// its inlet stops waits for the next one.
func (r *reader) handle(ctx context.Context, event *bindings.ReadResponse) ([]byte, error) {
	if event == nil {
		return nil, nil
	}
	for {
		to, changed := r.target()
		answer, open, err := to.in.take(ctx, event)
		if open {
			return answer, err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return nil, errStopping
		case <-ctx.Done():
			return nil, errStopping
		}
	}
}
