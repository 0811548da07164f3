package source

import (
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// httpTrigger notes the trigger and who scales it; routes makes its routes.
func (t *openFunction) httpTrigger(e entry) {
	t.http = &e
	t.walk(e.value, fields{
		"port": t.none,
		"engine": func(e entry) {
			if v := e.value.text(); v != "knative" && v != "keda" {
				t.fault(e.at, "%s is not knative or keda", e.value.describe())
				return
			}
			t.as("scaler")(e)
		},
		"route": t.within(fields{
			"gatewayRef": t.leftOut("the mesh has a gateway of its own", ""),
			"hostnames":  t.none,
			"rules":      t.none,
		}),
	})
}

// routes are the triggers that the rules of a route come to: without rules every
// path leads to the function.
func (t *openFunction) routes(e entry) *node {
	all := listAt(e.at)
	route := e.value.find("route")
	add := func(at place, path string, method *node) {
		trigger := mapAt(at, field("type", textAt(at, string(v1beta1.TriggerHTTP))), field("path", textAt(at, path)))
		if method != nil {
			trigger.put(field("methods", listAt(method.at, method)))
		}
		if hosts := route.find("hostnames"); hosts != nil {
			trigger.put(field("hosts", hosts))
		}
		if port := e.value.find("port"); port != nil && len(all.items) == 0 {
			trigger.put(field("port", port))
		}
		all.items = append(all.items, trigger)
	}
	rules := route.find("rules")
	if rules != nil && rules.kind == list {
		for _, rule := range rules.items {
			t.rule(rule, add)
		}
	}
	if len(all.items) == 0 {
		add(e.at, "/", nil)
	}
	return all
}

// rule adds the paths of one HTTPRouteRule of the Gateway API.
func (t *openFunction) rule(rule *node, add func(place, string, *node)) {
	matched := false
	t.walk(rule, fields{
		"name": t.none,
		"matches": t.each(func(match *node) {
			matched = true
			t.match(match, add)
		}),
		"filters":            t.leftOut("the gateway of a mesh passes requests on as they are", "do in the function what they do"),
		"backendRefs":        t.leftOut("the function is what requests go to", ""),
		"timeouts":           t.leftOut("a mesh bounds calls by policies.timeout", "write a mesh to set it"),
		"retry":              t.leftOut("who asks by HTTP has the answer", ""),
		"sessionPersistence": t.leftOut("any replica may get a request", ""),
	})
	if !matched {
		add(rule.at, "/", nil)
	}
}

func (t *openFunction) match(match *node, add func(place, string, *node)) {
	kind, value := "PathPrefix", textAt(match.at, "/")
	t.walk(match, fields{
		"path": t.within(fields{
			"type": func(e entry) { kind = e.value.text() },
			"value": func(e entry) {
				value = e.value
			},
		}),
		"method":      t.none,
		"headers":     t.leftOut("routes are told apart by path, method and host", "look at them in the function"),
		"queryParams": t.leftOut("routes are told apart by path, method and host", "look at them in the function"),
	})
	path := value.text()
	switch kind {
	case "Exact":
		add(value.at, path, match.find("method"))
	case "PathPrefix":
		if under := strings.TrimRight(path, "/"); under != "" {
			add(value.at, under, match.find("method"))
			path = under + "/"
		}
		add(value.at, path, match.find("method"))
	default:
		t.fault(value.at, "a path of type %q is none that the gateway knows", kind).Hint = "write type: PathPrefix or type: Exact"
	}
}
