package subscriptions

import (
	"maps"
	"slices"
	"sync"

	"github.com/weftmesh/weft/mesh"
)

// maxInFlight bounds the calls to a function at once, whatever its concurrency.
const maxInFlight = 256

// member is a function with what it subscribes to.
type member struct {
	m        *Manager
	f        *mesh.Function
	declared []*want
	// slots bounds the calls to the function at once.
	slots chan struct{}
	// asking lets one ask at a time.
	asking sync.Mutex
	told   limiter
	pauses pauses

	// applying is what stop waits for besides the listeners.
	applying sync.WaitGroup

	mu        sync.Mutex
	stopped   bool
	listeners map[key]*listener
	// malformed is the last answer to /dapr/subscribe that was told of.
	malformed string
}

func newMember(m *Manager, f *mesh.Function) *member {
	slots := maxInFlight
	if f.Concurrency > 0 {
		slots = min(f.Concurrency*max(1, f.Scaling.Max), maxInFlight)
	}
	return &member{m: m, f: f, slots: make(chan struct{}, slots), listeners: make(map[key]*listener)}
}

// apply puts in force what is declared and what the function asked for; for one
// topic the function has the last word (Dapr's rule). What stays as it is, is
// not touched: no message waits for it.
func (mem *member) apply(programmatic []*want) {
	desired := slices.Clone(mem.declared)
	for _, w := range programmatic {
		if i := slices.IndexFunc(desired, func(o *want) bool { return o.key() == w.key() }); i >= 0 {
			desired[i] = w
		} else {
			desired = append(desired, w)
		}
	}

	mem.mu.Lock()
	if mem.stopped {
		mem.mu.Unlock()
		return
	}
	mem.applying.Add(1)
	defer mem.applying.Done()
	gone := maps.Clone(mem.listeners)
	var begin []*want
	for _, w := range desired {
		old := gone[w.key()]
		if old != nil && old.want.Load().subscribesAs(w) {
			old.want.Store(w)
			delete(gone, w.key())
			continue
		}
		begin = append(begin, w)
	}
	for k := range gone {
		delete(mem.listeners, k)
	}
	mem.mu.Unlock()

	// A component's instance takes one subscription to a topic at a time.
	var stopping sync.WaitGroup
	for _, l := range gone {
		stopping.Go(l.stop)
	}
	stopping.Wait()
	mem.mu.Lock()
	defer mem.mu.Unlock()
	if mem.stopped {
		return
	}
	for _, w := range begin {
		l := mem.m.newListener(mem, w, mem.post)
		mem.listeners[w.key()] = l
		go l.run()
	}
}

// list gives the listeners in the order of their making.
func (mem *member) list() []*listener {
	mem.mu.Lock()
	defer mem.mu.Unlock()
	return slices.SortedFunc(maps.Values(mem.listeners), func(a, b *listener) int { return a.number - b.number })
}

// stop ends what listens, and lets nothing begin any more.
func (mem *member) stop() {
	mem.mu.Lock()
	mem.stopped = true
	mem.mu.Unlock()
	var all sync.WaitGroup
	for _, l := range mem.list() {
		all.Go(l.stop)
	}
	all.Wait()
	mem.applying.Wait()
}
