package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/contenttype"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// inlet brings the events of an input binding to the functions that want them.
type inlet struct {
	m       *Manager
	name    string
	path    string
	binding bindings.InputBinding
	// explicit says that the component's direction names input: then no function
	// is asked (daprd's rule).
	explicit bool

	born int64
	gate gate
	told limiter

	mu      sync.Mutex
	stopped bool
	members []*member
	claim   *claim
}

// newInlets finds the input bindings that functions may have. A component that
// a trigger of the mesh reads is not among them.
func (m *Manager) newInlets() error {
	triggered := make(map[string]bool)
	for _, f := range m.cfg.Plan.Functions {
		for _, t := range f.Triggers {
			if t.Type == v1beta1.TriggerBinding {
				triggered[t.Component] = true
			}
		}
	}
	m.inlets = make(map[string]*inlet)
	for _, input := range m.cfg.Components.Inputs() {
		if triggered[input.Name] {
			continue
		}
		in, err := m.newInlet(input)
		if err != nil {
			return fmt.Errorf("input binding %s: %w", input.Name, err)
		}
		m.inlets[input.Name] = in
	}
	return nil
}

func (m *Manager) newInlet(input *components.Input) (*inlet, error) {
	path, err := cleanPath(input.Route)
	if err != nil {
		return nil, err
	}
	in := &inlet{m: m, name: input.Name, path: path, binding: input.Binding, born: births.Add(1)}
	for _, item := range m.cfg.Plan.Components[input.Name].Metadata {
		if !strings.EqualFold(item.Name, "direction") {
			continue
		}
		for d := range strings.SplitSeq(item.Value, ",") {
			in.explicit = in.explicit || strings.EqualFold(strings.TrimSpace(d), "input")
		}
	}
	return in, nil
}

// mayHave says whether f may have the binding's events.
func (in *inlet) mayHave(f *mesh.Function) bool { return slices.Contains(f.Bindings, in.name) }

// set adds the function to those that want the events, or takes it away.
func (in *inlet) set(mem *member, wants bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped || slices.Contains(in.members, mem) == wants {
		return
	}
	log := in.m.log.With("binding", in.name, "function", mem.f.Name)
	if !wants {
		in.members = slices.DeleteFunc(slices.Clone(in.members), func(o *member) bool { return o == mem })
		log.Debug("the function no longer takes the events of the input binding")
		if len(in.members) == 0 {
			go in.claim.release()
			in.claim = nil
		}
		return
	}
	in.members = append(slices.Clip(in.members), mem)
	log.Debug("the function takes the events of the input binding", "path", in.path)
	if len(in.members) == 2 {
		in.m.log.Info("several functions want the input binding: each gets every event", "binding", in.name)
	}
	if in.claim == nil {
		in.claim = in.read()
	}
}

// stop takes no more events and waits for those under way. The reading ends
// unless the next generation has taken it over.
func (in *inlet) stop() {
	in.mu.Lock()
	in.stopped = true
	c := in.claim
	in.claim = nil
	in.mu.Unlock()
	<-in.gate.shut()
	if c == nil {
		return
	}
	if rest := settle - in.gate.quiet(); rest > 0 && c.holds() {
		time.Sleep(rest)
	}
	c.release()
}

// take posts an event to the functions that want it. It is not open while the
// inlet stops.
func (in *inlet) take(ctx context.Context, event *bindings.ReadResponse) (body []byte, open bool, err error) {
	if !in.gate.enter() {
		return nil, false, nil
	}
	open = true
	defer in.gate.leave()
	defer func() {
		if p := recover(); p != nil {
			in.m.log.Error("delivering an event panicked", "binding", in.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("delivering an event of %s panicked: %v", in.name, p)
		}
	}()
	in.mu.Lock()
	members := in.members
	in.mu.Unlock()
	if len(members) == 0 {
		return nil, true, fmt.Errorf("no function takes the events of %s any more", in.name)
	}
	if len(members) == 1 {
		body, err = in.post(ctx, members[0], event)
		return body, true, err
	}
	errs := make([]error, len(members))
	var all sync.WaitGroup
	for i, mem := range members {
		all.Go(func() { _, errs[i] = in.post(ctx, mem, event) })
	}
	all.Wait()
	return nil, true, errors.Join(errs...)
}

// post calls one function with an event. What it answers goes back to the
// binding, for those that have an answer to give.
func (in *inlet) post(ctx context.Context, mem *member, event *bindings.ReadResponse) ([]byte, error) {
	header := headers(event.Metadata)
	header.Set("Content-Type", contenttype.JSONContentType)
	a, err := mem.call(context.Background(), http.MethodPost, in.path, header, event.Data)
	if err == nil && !a.ok() {
		err = fmt.Errorf("the function answered %d: %s", a.status, a.quote())
	}
	if err == nil {
		return a.body, nil
	}
	err = fmt.Errorf("event of input binding %s for %s: %w", in.name, mem.f.Name, err)
	if errors.Is(err, errStopping) {
		return nil, err
	}
	if ok, unsaid := in.told.now(); ok {
		in.m.log.Warn("an event was not delivered", "binding", in.name, "function", mem.f.Name, "error", err.Error(), "unsaid", unsaid)
	}
	var unavailable *delivery.UnavailableError
	if errors.As(err, &unavailable) {
		mem.pauses.wait(ctx, mem.m.ending)
	}
	return nil, err
}

// askBindings asks the function which of the input bindings that it may have it
// wants: those to whose route it answers OPTIONS with 2xx. Without an answer,
// all stays as it was.
func (mem *member) askBindings(ctx context.Context) (answered bool) {
	for _, name := range mem.f.Bindings {
		in := mem.m.inlets[name]
		if in == nil || in.explicit {
			continue
		}
		a, err := mem.inquire(ctx, http.MethodOptions, in.path)
		if err != nil {
			mem.silent(ctx, "the function did not tell whether it takes the events of input binding "+name, err)
			return false
		}
		in.set(mem, a.ok())
	}
	return true
}
