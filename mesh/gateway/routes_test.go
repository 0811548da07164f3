package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
)

func TestFind(t *testing.T) {
	orders, order, admin, files, shop, root := function("orders"), function("order"), function("admin"),
		function("files"), function("shop"), function("root")
	routes := []Route{
		{Function: root, Path: "/", Methods: []string{"GET"}},
		{Function: orders, Path: "/orders", Methods: []string{"POST", "GET"}},
		{Function: order, Path: "/orders/{id}"},
		{Function: admin, Path: "/orders/all"},
		{Function: files, Path: "/files/"},
		{Function: shop, Path: "/orders", Methods: []string{"POST"}, Hosts: []string{"*.shop.example"}},
	}
	table, err := newTable(routes, entries(routes))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason             string
		method, host, path string
		want               string
		allowed            []string
	}{
		"exact":          {"a path without variables is found as it is", "POST", "localhost", "/orders", "orders", nil},
		"head":           {"HEAD comes with GET", "HEAD", "localhost", "/orders", "orders", nil},
		"variable":       {"{id} takes one segment", "PUT", "localhost", "/orders/7", "order", nil},
		"literal first":  {"a literal is more specific than a variable", "GET", "localhost", "/orders/all", "admin", nil},
		"empty segment":  {"{id} takes no empty segment", "GET", "localhost", "/orders/", "root", nil},
		"below":          {"a trailing slash takes all below", "GET", "localhost", "/files/a/b", "files", nil},
		"below itself":   {"and itself", "GET", "localhost", "/files/", "files", nil},
		"without slash":  {"but not the path without the slash", "DELETE", "localhost", "/files", "", []string{"GET"}},
		"host":           {"a route bound to a host comes first", "POST", "eu.shop.example", "/orders", "shop", nil},
		"host falls":     {"if it serves the method", "GET", "eu.shop.example", "/orders", "orders", nil},
		"host is needed": {"the bare domain is not below itself", "POST", "shop.example", "/orders", "orders", nil},
		"method":         {"a path that is served for other methods says which", "PUT", "localhost", "/orders", "", []string{"GET", "POST"}},
		"fallback":       {"the root takes what nobody else does", "GET", "localhost", "/nothing", "root", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x, allowed := table.find(c.method, c.host, c.path)
			got := ""
			if x != nil {
				got = x.Function.Name
			}
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
			}
			if diff := cmp.Diff(c.allowed, allowed); c.want == "" && diff != "" {
				t.Errorf("%s: allowed: %s", c.reason, diff)
			}
		})
	}
}

func TestClash(t *testing.T) {
	a, b := function("a"), function("b")
	cases := map[string]struct {
		reason string
		x, y   Route
		want   bool
	}{
		"same":            {"two functions cannot have one route", Route{Function: a, Path: "/x"}, Route{Function: b, Path: "/x"}, true},
		"variables":       {"names of variables do not count", Route{Function: a, Path: "/{x}"}, Route{Function: b, Path: "/{y}"}, true},
		"methods":         {"methods keep routes apart", Route{Function: a, Path: "/x", Methods: []string{"GET"}}, Route{Function: b, Path: "/x", Methods: []string{"PUT"}}, false},
		"one method open": {"all methods overlap with some", Route{Function: a, Path: "/x", Methods: []string{"GET"}}, Route{Function: b, Path: "/x"}, true},
		"hosts":           {"a host is more specific than none", Route{Function: a, Path: "/x", Hosts: []string{"h"}}, Route{Function: b, Path: "/x"}, false},
		"same function":   {"a function may have both", Route{Function: a, Path: "/x"}, Route{Function: a, Path: "/x"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			routes := []Route{c.x, c.y}
			_, err := newTable(routes, entries(routes))
			if got := err != nil; got != c.want {
				t.Errorf("%s: got error %v", c.reason, err)
			}
		})
	}
}

func function(name string) *mesh.Function { return &mesh.Function{Name: name, KubeName: name} }

func entries(routes []Route) map[*mesh.Function]*entry {
	m := make(map[*mesh.Function]*entry)
	for _, r := range routes {
		m[r.Function] = &entry{f: r.Function}
	}
	return m
}

func FuzzFind(f *testing.F) {
	routes := []Route{
		{Function: function("a"), Path: "/"}, {Function: function("b"), Path: "/x/{y}/z/"}, {Function: function("c"), Path: "/x/{y}"},
	}
	table, err := newTable(routes, entries(routes))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/x/y/z/1")
	f.Add("/")
	f.Fuzz(func(t *testing.T, path string) {
		if path == "" || path[0] != '/' {
			return
		}
		if x, _ := table.find("GET", "h", path); x == nil {
			t.Errorf("%q: the route / takes every path", path)
		}
		table.hint("h", path)
	})
}
