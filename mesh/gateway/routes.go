package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// Route is one http trigger of a function.
type Route struct {
	Function *mesh.Function
	// Path has {name} for any one segment; with a trailing slash it matches
	// everything below.
	Path string
	// Methods in upper case and Hosts in lower case; all if empty. A host
	// *.example.com matches any name below example.com.
	Methods, Hosts []string
	// Events says that CloudEvents from outside reach the function.
	Events bool
}

// String gives the route as people write it, such as "POST /orders".
func (r Route) String() string {
	s := r.Path
	if len(r.Methods) > 0 {
		s = strings.Join(r.Methods, ",") + " " + s
	}
	if len(r.Hosts) > 0 {
		s += " (" + strings.Join(r.Hosts, ", ") + ")"
	}
	return s
}

// Routes lists the routes of a plan, in the order of its functions and their
// triggers. The default path of a trigger is /<kebab-name>.
func Routes(p *mesh.Plan) []Route {
	var routes []Route
	for _, f := range p.Functions {
		for _, t := range f.HTTP() {
			r := Route{Function: f, Path: t.Path, Events: t.Events}
			if r.Path == "" {
				r.Path = "/" + f.KubeName
			}
			if !strings.HasPrefix(r.Path, "/") {
				r.Path = "/" + r.Path
			}
			for _, m := range t.Methods {
				r.Methods = append(r.Methods, strings.ToUpper(m))
			}
			for _, h := range t.Hosts {
				r.Hosts = append(r.Hosts, strings.ToLower(h))
			}
			routes = append(routes, r)
		}
	}
	return routes
}

// allows says whether the route serves a method; HEAD comes with GET.
func (r *Route) allows(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method) ||
		method == http.MethodHead && slices.Contains(r.Methods, http.MethodGet)
}

func (r *Route) servesHost(host string) bool {
	if len(r.Hosts) == 0 {
		return true
	}
	for _, h := range r.Hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, suffix) && len(host) > len(suffix) || h == host {
			return true
		}
	}
	return false
}

// The kinds of segments, the most specific first.
const (
	literal = iota
	anySegment
	anyRest
)

type segment struct {
	kind int
	text string
}

// target is a compiled route.
type target struct {
	Route
	segments []segment
	entry    *entry
}

// table finds routes. Paths without variables are looked up, the others tried
// from the most specific on.
type table struct {
	exact    map[string][]*target
	patterns []*target
	all      []*target
}

func newTable(routes []Route, entries map[*mesh.Function]*entry) (*table, error) {
	t := &table{exact: make(map[string][]*target)}
	for _, r := range routes {
		x := &target{Route: r, segments: segments(r.Path), entry: entries[r.Function]}
		if r.Events {
			takes := *x.entry
			takes.events, x.entry = true, &takes
		}
		for _, y := range t.all {
			if y.clashes(x) {
				return nil, fmt.Errorf("functions %s and %s both serve %s; give one another path, method or host",
					y.Function.Name, x.Function.Name, x.Route)
			}
		}
		t.all = append(t.all, x)
		if x.static() {
			t.exact[r.Path] = append(t.exact[r.Path], x)
		} else {
			t.patterns = append(t.patterns, x)
		}
	}
	for _, list := range t.exact {
		slices.SortStableFunc(list, compareTargets)
	}
	slices.SortStableFunc(t.patterns, compareTargets)
	return t, nil
}

func segments(path string) []segment {
	var list []segment
	rest := strings.TrimPrefix(path, "/")
	for {
		part, after, more := strings.Cut(rest, "/")
		switch {
		case part == "" && !more:
			return append(list, segment{kind: anyRest})
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}"):
			list = append(list, segment{kind: anySegment})
		default:
			list = append(list, segment{kind: literal, text: part})
		}
		if !more {
			return list
		}
		rest = after
	}
}

func (x *target) static() bool {
	return !slices.ContainsFunc(x.segments, func(s segment) bool { return s.kind != literal })
}

// clashes says whether a request could be meant for both of two routes of
// different functions that are equally specific.
func (x *target) clashes(y *target) bool {
	if x.Function == y.Function || !slices.Equal(x.segments, y.segments) {
		return false
	}
	overlap := func(a, b []string) bool {
		return len(a) == 0 && len(b) == 0 || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
	}
	methods := len(x.Methods) == 0 || len(y.Methods) == 0 || overlap(x.Methods, y.Methods)
	return methods && overlap(x.Hosts, y.Hosts)
}

// compareTargets puts the more specific route first: routes bound to hosts,
// then segment by segment, then those bound to methods.
func compareTargets(a, b *target) int {
	bound := func(list []string) int {
		if len(list) > 0 {
			return 0
		}
		return 1
	}
	if c := cmp.Compare(bound(a.Hosts), bound(b.Hosts)); c != 0 {
		return c
	}
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(a.segments[i].kind, b.segments[i].kind); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(b.segments), len(a.segments)); c != 0 {
		return c
	}
	return cmp.Compare(bound(a.Methods), bound(b.Methods))
}

// matches says whether the path fits the route.
func (x *target) matches(path string) bool {
	rest, more := path[1:], true
	for _, s := range x.segments {
		if !more {
			return false
		}
		if s.kind == anyRest {
			return true
		}
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if s.kind == literal && part != s.text || s.kind == anySegment && part == "" {
			return false
		}
	}
	return !more
}

// find returns the target of a request; if there is none, the methods that
// the path does serve.
func (t *table) find(method, host, path string) (*target, []string) {
	var allowed []string
	look := func(list []*target, sure bool) *target {
		for _, x := range list {
			if !x.servesHost(host) || !sure && !x.matches(path) {
				continue
			}
			if x.allows(method) {
				return x
			}
			allowed = append(allowed, x.Methods...)
		}
		return nil
	}
	if x := look(t.exact[path], true); x != nil {
		return x, nil
	}
	if x := look(t.patterns, false); x != nil {
		return x, nil
	}
	slices.Sort(allowed)
	return nil, slices.Compact(allowed)
}

// hostOf returns the host name of a request in lower case, without port.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// hint names the routes nearest to a path that has none.
func (t *table) hint(host, path string) string {
	type near struct {
		distance int
		text     string
	}
	var list []near
	for _, x := range t.all {
		if x.servesHost(host) {
			list = append(list, near{distance(strings.ToLower(path), strings.ToLower(x.Path)), x.Route.String()})
		}
	}
	if len(list) == 0 {
		return "no function has an http trigger for this host"
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	const most = 5
	text := "the nearest route is " + list[0].text
	if len(list) > 1 {
		text += "; others: "
		for i, n := range list[1:min(len(list), most)] {
			if i > 0 {
				text += ", "
			}
			text += n.text
		}
		if len(list) > most {
			text += ", …"
		}
	}
	return text
}

// distance is Levenshtein's, over the first 64 bytes.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
