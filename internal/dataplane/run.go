package dataplane

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// process is one run of a front or dispatcher.
type process struct {
	opts       Options
	plan       *mesh.Plan
	tokens     map[string]string
	broker     *broker
	services   *services
	recorder   *telemetry.Recorder
	dispatcher *delivery.Dispatcher
	servers    servers
	scaler     *scaler
	started    time.Time

	// taking says that the process does its work: it is false before, and from
	// the moment it is asked to stop.
	taking atomic.Bool
	// waits is why it cannot begin yet; nil if it can.
	waits atomic.Pointer[error]
}

// Run does the work of a front or a dispatcher until ctx ends. Then it takes
// no more events and, after Options.Linger, no more requests; calls under way
// finish for at most Options.Drain, and what is in hand beyond that goes back
// to its queue with no attempt spent. Errors before that name the file or the
// server that is at fault.
func Run(ctx context.Context, opts Options) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	p := &process{opts: opts, started: time.Now()}
	if err := p.read(ctx); err != nil {
		return err
	}
	// First what probes and KEDA ask: a process that waits for its broker is
	// alive, and not ready.
	if err := p.servers.listenMetrics(p); err != nil {
		return err
	}
	if err := p.listenScaler(); err != nil {
		p.servers.close()
		return err
	}
	defer p.scaler.shutdown()
	if err := p.reachBroker(ctx); err != nil {
		p.servers.close()
		if ctx.Err() != nil {
			return nil // it was asked to end, and has nothing in hand
		}
		return err
	}
	defer p.broker.nc.Close()
	p.scaler.begin(p.broker.keeper)
	p.recorder.SetSources(telemetry.Sources{Queues: p.queueStats, DeadLetters: p.deadLetters})
	if err := p.servers.listen(p); err != nil {
		p.servers.close()
		return err
	}

	pull, stopPulling := context.WithCancel(context.Background())
	defer stopPulling()
	pulled := make(chan error, 1)
	go func() { pulled <- p.dispatcher.Run(pull) }()
	p.servers.serve()
	p.taking.Store(true)
	opts.Logger.Info(string(opts.Role)+" is ready", "mesh", p.plan.Namespace+"/"+p.plan.Name)
	if opts.OnReady != nil {
		at := p.servers.addresses()
		at.Scaler = p.scaler.address()
		opts.OnReady(at)
	}

	select {
	case <-ctx.Done():
	case err = <-p.servers.failed:
	}
	p.taking.Store(false)
	opts.Logger.Info("stopping: calls under way may finish")
	stopPulling()
	p.linger(err)
	drain, cancel := context.WithTimeout(context.Background(), opts.Drain)
	defer cancel()
	p.servers.shutdownFront(drain)
	select {
	case rerr := <-pulled:
		err = errors.Join(err, rerr)
	case <-drain.Done():
		err = errors.Join(err, <-pulled) // the dispatcher has the same bound, and hands back what is left
	}
	// Functions may emit as long as one of their calls is under way.
	p.servers.shutdown(drain)
	p.scaler.shutdown()
	return errors.Join(err, p.broker.Close())
}

// linger waits until a front is sent no more requests: it takes a while until
// every proxy knows that a pod is going.
func (p *process) linger(failed error) {
	if p.opts.Role != RoleFront || failed != nil || p.opts.Linger <= 0 {
		return
	}
	time.Sleep(p.opts.Linger)
}

// read reads the files and checks what they say. The end of ctx is that of the pod.
func (p *process) read(ctx context.Context) (err error) {
	if p.plan, err = readMesh(p.opts.Mesh); err != nil {
		return err
	}
	if err := checkBroker(p.plan); err != nil {
		return err
	}
	if p.tokens, err = readTokens(p.opts.Tokens, p.plan); err != nil {
		return err
	}
	if p.opts.Function != "" && p.own() == nil {
		return fmt.Errorf("--function %s: the mesh %s has no such function", p.opts.Function, p.plan.Name)
	}
	p.services = newServices(p.plan, p.tokens, p.address, p.own(), func() bool { return ctx.Err() != nil })
	p.recorder = telemetry.NewRecorder(p.plan)
	return nil
}

// own is the one function that a dispatcher in its pod takes the queue of; nil
// for all. It goes by either of its names.
func (p *process) own() *mesh.Function {
	for _, f := range p.plan.Functions {
		if p.opts.Function != "" && (f.Name == p.opts.Function || f.KubeName == p.opts.Function) {
			return f
		}
	}
	return nil
}

// address is where a function is called.
func (p *process) address(f *mesh.Function) string {
	switch {
	case f == p.own():
		return p.opts.Local
	case p.opts.Address != nil:
		return p.opts.Address(f)
	}
	return fmt.Sprintf("http://%s.%s.svc.%s", f.Service, p.plan.Namespace, p.opts.Domain)
}

// pulls says whose queues this process takes: a function that KEDA scales has
// a dispatcher of its own in each of its pods.
func (p *process) pulls(f *mesh.Function) bool {
	if own := p.own(); own != nil {
		return f == own
	}
	return f.Spec.Scaler != v1beta1.ScalerKEDA
}

// statsWithin bounds the questions that a scrape asks the broker.
const statsWithin = 2 * time.Second

// queueStats asks the broker what is in each function's queue. Those that it does
// not tell of in time are left out.
func (p *process) queueStats(ctx context.Context) map[string]delivery.Stats {
	if p.broker.Well() != nil {
		return nil // who asks does not wait for a broker that is away
	}
	ctx, cancel := context.WithTimeout(ctx, statsWithin)
	defer cancel()
	stats := make(map[string]delivery.Stats, len(p.plan.Functions))
	for _, f := range p.plan.Functions {
		if !f.Queued() {
			continue
		}
		if s, err := p.broker.Stats(ctx, delivery.QueueName(f)); err == nil {
			stats[f.Name] = s
		}
	}
	return stats
}

// deadLetters counts them by function; nil if the broker does not tell.
func (p *process) deadLetters(ctx context.Context) map[string]int {
	if p.broker.Well() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statsWithin)
	defer cancel()
	n, err := p.broker.DeadLetters().Count(ctx)
	if err != nil {
		return nil
	}
	return n
}

// ready says why this process can not do its work now; nil if it can.
func (p *process) ready() error {
	if why := p.waits.Load(); why != nil {
		return *why
	}
	if !p.taking.Load() {
		return errors.New("not taking events: starting or stopping")
	}
	return p.broker.Well()
}
