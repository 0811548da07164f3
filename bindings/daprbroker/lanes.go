package daprbroker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// publisher publishes by lanes, each an instance of the component: by one for
// all, or by several, each for one publish at a time, where a component has one
// publish wait for the other.
type publisher struct {
	b *Broker
	// slots bounds the publishes under way.
	slots chan struct{}
	// own lanes are for one publish at a time; idle has those that have none.
	own  bool
	idle chan *lane

	mu    sync.Mutex
	lanes []*lane
	props map[string]string // that the first opened with
}

// lane is an instance that publishes.
type lane struct {
	p *publisher
	// lost counts publishes that the component called done although its server
	// did not confirm them.
	lost atomic.Uint64
	// reopening is held while the instance is replaced.
	reopening sync.Mutex

	mu      sync.Mutex
	inst    *instance
	failing time.Time // since when nothing could be published; zero if it can
}

func newPublisher(ctx context.Context, b *Broker) (*publisher, error) {
	most := publishesMost
	if b.traits.lanes > 0 {
		most = b.traits.lanes
	}
	p := &publisher{b: b, slots: make(chan struct{}, most), own: b.traits.lanes > 0, idle: make(chan *lane, most)}
	l, err := p.add(ctx)
	if err != nil {
		return nil, err
	}
	p.idle <- l
	return p, nil
}

// add opens another lane.
func (p *publisher) add(ctx context.Context) (*lane, error) {
	l := &lane{p: p}
	inst, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.inst = inst
	p.mu.Lock()
	p.lanes = append(p.lanes, l)
	p.mu.Unlock()
	return l, nil
}

// metadata is what the component opened with.
func (p *publisher) metadata() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.props
}

var errBusy = errors.New("too many publishes wait for its server")

// acquire waits for a lane; release gives it back.
func (p *publisher) acquire(ctx context.Context) (*lane, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, errors.Join(errBusy, ctx.Err())
	case <-p.b.done:
		return nil, delivery.ErrClosed
	}
	if !p.own {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.lanes[0], nil
	}
	select {
	case l := <-p.idle:
		return l, nil
	default:
	}
	// There are as many slots as lanes: one is to be had or to be opened.
	l, err := p.add(ctx)
	if err != nil {
		<-p.slots
	}
	return l, err
}

func (p *publisher) release(l *lane) {
	if p.own {
		p.idle <- l
	}
	<-p.slots
}

func (p *publisher) close() {
	p.mu.Lock()
	lanes := p.lanes
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() {
			if !l.current().close() {
				p.b.log.Warn("component did not close in time", "component", p.b.name, "waited", closeWait)
			}
		})
	}
	all.Wait()
}

func (l *lane) connect(ctx context.Context) (*instance, error) {
	b := l.p.b
	c := connection{settings: b.traits.publish, props: func(props map[string]string) {
		l.p.mu.Lock()
		defer l.p.mu.Unlock()
		l.p.props = props
	}}
	if mark := b.traits.unconfirmed; mark != "" {
		c.logged = func(text string) {
			if strings.Contains(text, mark) {
				l.lost.Add(1)
			}
		}
	}
	return b.connect(ctx, c)
}

func (l *lane) current() *instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inst
}

// judge keeps account of failures, and has an instance replaced that brought
// nothing else for a while. One that does not answer is left alone: it knows
// that its server is away, and what is stuck in it cannot be closed.
func (l *lane) judge(inst *instance, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil || meaning(err) != nil:
		l.failing = time.Time{}
		return
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return
	case l.failing.IsZero():
		l.failing = now
	}
	if l.inst == inst && now.Sub(l.failing) >= reopenAfter {
		l.failing = now
		l.p.b.background(func() { l.reopen(inst) })
	}
}

// reopen replaces the instance, and has the queues' instances replaced, which
// use the same server.
func (l *lane) reopen(old *instance) {
	if !l.reopening.TryLock() {
		return
	}
	defer l.reopening.Unlock()
	b := l.p.b
	ctx, cancel := context.WithTimeout(b.ctx, reopenAfter)
	defer cancel()
	inst, err := l.connect(ctx)
	if err != nil {
		b.log.Debug("component cannot be opened anew", "component", b.name, "error", err)
		return
	}
	l.mu.Lock()
	l.inst = inst
	l.mu.Unlock()
	b.log.Info("component was opened anew after it had failed for a while", "component", b.name)
	for _, q := range b.all() {
		q.renew()
	}
	old.close()
}
