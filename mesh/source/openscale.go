package source

import (
	"strconv"
	"strings"
)

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
