package replica

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Manager runs processes. Its methods are safe for concurrent use.
type Manager struct {
	opts    Options
	pools   []*pool
	spawner *spawner
	ledger  *ledger
	conns   *warmConns
	// transport of calls.
	transport http.RoundTripper
	// processes is done when none is left.
	processes sync.WaitGroup
	// hurry is closed when the grace period is over before its time.
	hurry     chan struct{}
	hurryOnce sync.Once
	stopped   atomic.Bool
	closed    sync.Once
}

var _ delivery.Endpoints = (*Manager)(nil)

// New returns a manager with no process running, after ending those that a
// killed engine left behind in the same data directory. Functions with a url
// or command have their code at once, others wait for SetCode; those with a
// command and minReplicas, or to be debugged, start at once.
func New(opts Options) (*Manager, error) {
	opts, err := opts.validated()
	if err != nil {
		return nil, err
	}
	m := &Manager{opts: opts, conns: newWarmConns(), hurry: make(chan struct{})}
	if m.ledger, err = openLedger(opts.Data, opts.Logger); err != nil {
		return nil, err
	}
	if m.spawner, err = newSpawner(opts.Dir, m.ledger, opts.Mask); err != nil {
		return nil, err
	}
	if m.transport = opts.Transport; m.transport == nil {
		m.transport = loopbackTransport(m.conns)
	}
	for _, f := range opts.Plan.Functions {
		m.pools = append(m.pools, newPool(m, f))
	}
	for _, p := range m.pools {
		var c Code
		switch {
		case p.f.Spec == nil:
			continue
		case p.f.Spec.URL != "":
			c.URL = p.f.Spec.URL
		case len(p.f.Spec.Command) > 0:
			c.Command = p.f.Spec.Command
		default:
			continue
		}
		if err := p.setCode(context.Background(), c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Manager) pool(f *mesh.Function) *pool { return m.pools[f.Index] }

// SetCode says what runs for f from now on. If f has replicas that take
// calls, as many of the new revision are started first, and calls move to
// them once they are ready; the old ones finish what they have. If they do
// not become ready, the old ones stay and the error (a
// *delivery.UnavailableError) says why. If f has none, they are started when
// needed (or at once for minReplicas and Debug), and SetCode returns without
// waiting for them. Code that is in force already changes nothing: a binary's
// path names its content.
func (m *Manager) SetCode(ctx context.Context, f *mesh.Function, c Code) error {
	set := 0
	for _, is := range []bool{c.Binary != "", len(c.Command) > 0, c.URL != ""} {
		if is {
			set++
		}
	}
	if set != 1 || c.Source != "" {
		return fmt.Errorf("function %s: its code must be one of binary, command and url, and is %+v", f.Name, c)
	}
	return m.pool(f).setCode(ctx, c)
}

// SetBuilding says that code for f is being made: calls wait for it, unless
// an older revision takes them.
func (m *Manager) SetBuilding(f *mesh.Function) { m.pool(f).setBuilding() }

// SetFailed says why there is no code for f: calls get a
// *delivery.UnavailableError with that reason, unless an older revision takes
// them.
func (m *Manager) SetFailed(f *mesh.Function, reason string) { m.pool(f).setFailed(reason) }

// Acquire implements delivery.Endpoints.
func (m *Manager) Acquire(ctx context.Context, f *mesh.Function) (delivery.Endpoint, error) {
	return m.pool(f).acquire(ctx)
}

// Prewarm implements delivery.Endpoints. It also counts as use: a function
// stays up as long as those before it are called.
func (m *Manager) Prewarm(f *mesh.Function) { m.pool(f).prewarm() }

// Debugging says whether f runs under a debugger: no call of it, nor the wait
// for it, should have a timeout.
func (m *Manager) Debugging(f *mesh.Function) bool { return m.pool(f).debug }

// Ready waits until every function that must run all the time (minReplicas)
// does or has failed, or ctx ends.
func (m *Manager) Ready(ctx context.Context) error {
	for _, p := range m.pools {
		if err := p.awaitMin(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Zero ends all processes of the functions (all of them, if none is given),
// letting calls in flight finish, and returns when they are gone. The next
// call starts one again; those of minReplicas start again at once.
func (m *Manager) Zero(ctx context.Context, fs ...*mesh.Function) error {
	if len(fs) == 0 {
		fs = m.opts.Plan.Functions
	}
	var gone []<-chan struct{}
	for _, f := range fs {
		gone = append(gone, m.pool(f).drainAll()...)
	}
	for _, g := range gone {
		select {
		case <-g:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Stop ends all processes and returns when none is left: SIGTERM once their
// calls are finished, SIGKILL after the grace period or when ctx ends. No
// call is taken any more.
func (m *Manager) Stop(ctx context.Context) error {
	m.stopped.Store(true)
	for _, p := range m.pools {
		p.stop()
	}
	gone := make(chan struct{})
	go func() {
		m.processes.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
		m.hurryOnce.Do(func() { close(m.hurry) })
		<-gone
	}
	var err error
	m.closed.Do(func() {
		m.spawner.close()
		m.conns.close()
		if t, ok := m.transport.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
		err = m.ledger.close()
	})
	return err
}

// Status returns what the manager knows of f: name, state, reason, replicas
// with their memory, bounds, calls in flight and waiting for a place,
// revision, cold starts.
func (m *Manager) Status(f *mesh.Function) adminapi.Function { return m.pool(f).status() }

// PIDs returns the processes that run now, in no order.
func (m *Manager) PIDs() []int {
	m.ledger.mu.Lock()
	defer m.ledger.mu.Unlock()
	pids := make([]int, 0, len(m.ledger.live))
	for pid := range m.ledger.live {
		pids = append(pids, pid)
	}
	return slices.Clip(pids)
}
