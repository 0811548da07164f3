package delivery

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
)

// Router decides which events an outcome puts into which queues. It keeps no
// state and does no I/O: the same outcome always gives the same decisions.
// Safe for concurrent use.
type Router struct {
	maxHops int
	keys    []string
	sources map[*mesh.Function]types.URIRef
	// failed is told of conditions that could not be evaluated.
	failed func(*mesh.Link, error)
}

// Decision is one event for one queue.
type Decision struct {
	// Link that the event takes.
	Link *mesh.Link
	// Event with its id, source and Weft's extensions set.
	Event *event.Event
	// Dead says why the event goes to the dead letters of Link.To instead of
	// its queue; "" for the queue.
	Dead string
}

// NewRouter returns the router of a plan. failed, which may be nil, is called
// for each condition that could not be evaluated, such as for a missing field;
// such a condition counts as false.
func NewRouter(p *mesh.Plan, failed func(*mesh.Link, error)) (*Router, error) {
	if failed == nil {
		failed = func(*mesh.Link, error) {}
	}
	r := &Router{
		maxHops: p.MaxHops,
		keys:    linkKeys(p.Links),
		sources: make(map[*mesh.Function]types.URIRef, len(p.Functions)),
		failed:  failed,
	}
	for _, f := range p.Functions {
		u, err := url.Parse(f.Source)
		if err != nil {
			return nil, fmt.Errorf("source of function %s: %w", f.Name, err)
		}
		r.sources[f] = types.URIRef{URL: *u}
	}
	for i, l := range p.Links {
		if l.Index != i {
			return nil, fmt.Errorf("link %s has index %d at place %d of the plan", l, l.Index, i)
		}
	}
	return r, nil
}

// Key returns the link's key, which events carry as contract.ExtLink.
func (r *Router) Key(l *mesh.Link) string { return r.keys[l.Index] }

// Route returns what becomes of an outcome, output by output and link by link
// in the order of the mesh. An output addressed to a function takes only links
// to that one; the condition holds for it too. Outputs of failed calls are
// offered only to links whose condition names status or error. The error is
// *NotLinkedError, and then nothing is to be routed.
func (r *Router) Route(o *Outcome) ([]Decision, error) {
	if err := checkTargets(o); err != nil {
		return nil, err
	}
	var ds []Decision
	for n := range o.Outputs {
		out := candidate{r: r, o: o, out: &o.Outputs[n], n: n}
		for _, l := range o.Function.Out {
			if to := out.out.To; to != "" && to != l.To.Name && to != l.To.KubeName {
				continue
			}
			if o.Status == mesh.StatusError && !l.Condition.TakesErrors() {
				continue
			}
			if !out.passes(l) {
				continue
			}
			d := Decision{Link: l, Event: out.eventFor(l)}
			if r.maxHops > 0 && o.Hops+1 > r.maxHops {
				d.Dead = fmt.Sprintf("the event travelled %d links in a row, the limit: does the cycle through %s end?", r.maxHops, l)
			}
			ds = append(ds, d)
		}
	}
	return ds, nil
}

func checkTargets(o *Outcome) error {
	for i := range o.Outputs {
		to := o.Outputs[i].To
		if to == "" || slices.ContainsFunc(o.Function.Out, func(l *mesh.Link) bool {
			return l.To.Name == to || l.To.KubeName == to
		}) {
			continue
		}
		err := &NotLinkedError{From: o.Function.Name, To: to}
		for _, l := range o.Function.Out {
			if !slices.Contains(err.Links, l.To.Name) {
				err.Links = append(err.Links, l.To.Name)
			}
		}
		return err
	}
	return nil
}

// candidate is one output on its way past the links. What only some
// conditions read is made when the first of them asks.
type candidate struct {
	r   *Router
	o   *Outcome
	out *Output
	n   int

	decoded bool
	result  any
	now     *types.Timestamp
}

func (c *candidate) passes(l *mesh.Link) bool {
	vars := mesh.Vars{Status: c.o.Status, Error: c.o.Error}
	if l.Condition.NeedsResult() {
		if !c.decoded {
			c.result, c.decoded = Result(&c.out.Event), true
		}
		vars.Result = c.result
	}
	if strings.Contains(l.Condition.String(), "event") {
		vars.Event = attributes(c.eventFor(l))
	}
	ok, err := l.Condition.Eval(vars)
	if err != nil {
		c.r.failed(l, err)
		return false
	}
	return ok
}

// eventFor makes the event that takes link l.
func (c *candidate) eventFor(l *mesh.Link) *event.Event {
	f, key := c.o.Function, c.r.keys[l.Index]
	ctx := &event.EventContextV1{
		ID:     routedID(c.o.InputSource, c.o.InputID, key, c.n),
		Source: c.r.sources[f],
		Type:   f.Type,
	}
	own, _ := c.out.Event.Context.(*event.EventContextV1)
	if own == nil && c.out.Event.Context != nil {
		own = c.out.Event.Context.AsV1()
	}
	ctx.Extensions = make(map[string]any, 6)
	if own != nil {
		if own.Type != "" {
			ctx.Type = own.Type
		}
		ctx.DataContentType, ctx.Subject = own.DataContentType, own.Subject
		ctx.Time, ctx.DataSchema = own.Time, own.DataSchema
		for name, v := range own.Extensions {
			if !ours(name) {
				ctx.Extensions[name] = v
			}
		}
	}
	if ctx.Time == nil {
		if c.now == nil {
			c.now = &types.Timestamp{Time: time.Now()}
		}
		ctx.Time = c.now
	}
	ctx.Extensions[contract.ExtFrom] = f.Name
	ctx.Extensions[contract.ExtLink] = key
	ctx.Extensions[contract.ExtHops] = strconv.Itoa(c.o.Hops + 1)
	if c.o.TraceParent != "" {
		ctx.Extensions[contract.ExtTraceParent] = c.o.TraceParent
		if c.o.TraceState != "" {
			ctx.Extensions[contract.ExtTraceState] = c.o.TraceState
		}
	}
	if c.o.Status == mesh.StatusError {
		ctx.Extensions[contract.ExtError] = attributeText(c.o.Error)
	}
	return &event.Event{Context: ctx, DataEncoded: c.out.Event.DataEncoded, DataBase64: c.out.Event.DataBase64}
}

// ours says whether an extension is set by the router or the dispatcher, so
// that what a function answers in it does not count.
func ours(name string) bool {
	switch name {
	case contract.ExtFrom, contract.ExtTo, contract.ExtLink, contract.ExtAttempt, contract.ExtHops,
		contract.ExtError, contract.ExtTraceParent, contract.ExtTraceState:
		return true
	}
	return false
}

// Result is what conditions see as result: JSON decoded as encoding/json does,
// other text as a string, and nil for bytes and for no data. JSON that does
// not parse counts as text.
func Result(e *event.Event) any {
	if len(e.DataEncoded) == 0 {
		return nil
	}
	ct := ""
	if c, ok := e.Context.(*event.EventContextV1); ok && c.DataContentType != nil {
		ct = *c.DataContentType
	}
	if wire.IsJSON(ct) {
		var v any
		if json.Unmarshal(e.DataEncoded, &v) == nil {
			return v
		}
	} else if !wire.IsText(ct) {
		return nil
	}
	if !utf8.Valid(e.DataEncoded) {
		return nil
	}
	return string(e.DataEncoded)
}

// attributes is what conditions see as event.
func attributes(e *event.Event) map[string]any {
	c := e.Context.(*event.EventContextV1)
	m := make(map[string]any, 8+len(c.Extensions))
	for name, v := range c.Extensions {
		switch v := v.(type) {
		case string, bool, int32, []byte:
			m[name] = v
		default:
			if s, err := types.Format(v); err == nil {
				m[name] = s
			}
		}
	}
	m["specversion"], m["id"], m["source"], m["type"] = event.CloudEventsVersionV1, c.ID, c.Source.String(), c.Type
	if c.Subject != nil {
		m["subject"] = *c.Subject
	}
	if c.Time != nil {
		m["time"] = types.FormatTime(c.Time.Time)
	}
	if c.DataContentType != nil {
		m["datacontenttype"] = *c.DataContentType
	}
	if c.DataSchema != nil {
		m["dataschema"] = c.DataSchema.String()
	}
	return m
}

// maxErrorText bounds wefterror, which travels in a header.
const maxErrorText = 1024

// attributeText makes s fit for a CloudEvents attribute: no control
// characters (CloudEvents 1.0.2, type system: String), bounded, not empty.
func attributeText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText], "")
	}
	if s = strings.TrimSpace(s); s == "" {
		return "failed"
	}
	return s
}
