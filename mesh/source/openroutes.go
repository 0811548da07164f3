package source

import (
	"strconv"
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

// knative are annotations of Knative's autoscaler: the usual ones have a field,
// others go to the pods on a cluster.
func (t *openFunction) knative(e entry) {
	if e.value.kind != mapping {
		t.fault(e.at, "%s is not a map of annotations", e.value.describe())
		return
	}
	rps := e.value.text("autoscaling.knative.dev/metric") == "rps"
	options := t.doc.find("spec").find("serving").find("scaleOptions")
	for _, a := range e.value.entries {
		to := ""
		switch strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(a.key, "autoscaling.knative.dev/")), "-", "") {
		case "minscale":
			to = "minReplicas"
		case "maxscale":
			to = "maxReplicas"
		case "target":
			if !rps {
				to = "targetConcurrency"
			}
		}
		switch n, err := strconv.ParseInt(a.value.text(), 10, 32); {
		case to == "":
			t.f.in(e.at, "annotations").put(entry{a.key, a.at, asText(a.value)})
		case options.find(to) != nil:
			t.leftOut(to+" says it", "")(a)
		case err != nil:
			t.fault(a.at, "%s is not a whole number", a.value.describe())
		default:
			t.set(a, numberAt(a.value.at, n), "scaling", to)
		}
	}
}

// keda says how KEDA is to scale, which a mesh derives itself.
func (t *openFunction) keda(e entry) {
	const derived = "replicas follow the calls under way here, and on a cluster what KEDA watches is derived from the components"
	t.walk(e.value, fields{
		"scaledObject":     t.leftOut(derived, "to set it on a cluster, write a ScaledObject"),
		"scaledJob":        t.leftOut(derived, "a function serves calls, and is no job"),
		"httpScaledObject": t.leftOut(derived, ""),
		"triggers":         t.leftOut(derived, "to set it on a cluster, write a ScaledObject"),
	})
}
