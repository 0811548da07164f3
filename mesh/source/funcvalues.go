package source

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/weftmesh/weft/api/v1beta1"
)

// What the value of a variable in a func.yaml may refer to.
var (
	funcEnvRef    = regexp.MustCompile(`^{{\s*env:(\w+)\s*}}$`)
	funcWithin    = regexp.MustCompile(`{{\s*(env|secret|configMap):`)
	funcObjectRef = regexp.MustCompile(`^{{\s*(secret|configMap):([-.\w]+?)(?::([-._a-zA-Z0-9]+))?\s*}}$`)
)

// scalar returns the text at a key, nil if there is none. Anything but a scalar
// is a fault, and not ok.
func (t *funcYAML) scalar(item *node, key string) (*node, bool) {
	n := item.find(key)
	if n == nil || n.kind == null {
		return nil, true
	}
	if n.kind != scalar {
		t.fault(n.at, "%s is not text", n.describe())
		return nil, false
	}
	// func takes numbers and booleans for text.
	return textAt(n.at, n.value), true
}

// pair reads the two fields of a variable or label.
func (t *funcYAML) pair(item *node, key string) (name, value *node, ok bool) {
	t.walk(item, fields{key: t.none, "value": t.none})
	name, named := t.scalar(item, key)
	value, valued := t.scalar(item, "value")
	return name, value, named && valued
}

// resolved is a value with what it refers to in the environment of this
// process. Other references are faults.
func (t *funcYAML) resolved(value *node) (_ *node, fromEnv, ok bool) {
	if !strings.HasPrefix(value.value, "{{") {
		if ref := funcWithin.FindString(value.value); ref != "" {
			t.ds.warn(value.at, "%s … }} within other text is taken as it is written, as func does", ref).Hint = "make it the whole value, and put the text into the variable"
		}
		return value, false, true
	}
	m := funcEnvRef.FindStringSubmatch(value.value)
	if m == nil {
		t.fault(value.at, "%s is not a value or {{ env:NAME }}", value.describe())
		return nil, false, false
	}
	v, set := os.LookupEnv(m[1])
	if !set {
		t.fault(value.at, "the variable %s is not set", m[1]).Hint = "set it in the environment of this command"
		return nil, false, false
	}
	return textAt(value.at, v), true, true
}

func (t *funcYAML) buildEnvs(e entry) {
	var vars []*node
	t.each(func(item *node) {
		name, value, ok := t.pair(item, "name")
		if !ok {
			return
		}
		if name == nil || value == nil {
			t.fault(item.at, "a variable of the build has a name and a value")
			return
		}
		if value, _, ok := t.resolved(value); ok {
			vars = append(vars, mapAt(item.at, field("name", name), field("value", value)))
		}
	})(e)
	t.set(e, listAt(e.at, vars...), "build", "env")
}

func (t *funcYAML) envs(e entry) {
	var vars, from []*node
	t.each(func(item *node) {
		name, value, ok := t.pair(item, "name")
		if !ok {
			return
		}
		if value == nil {
			t.fault(item.at, "the variable has no value")
			return
		}
		ref := funcObjectRef.FindStringSubmatch(value.value)
		switch {
		case name == nil && (ref == nil || ref[3] != ""):
			t.fault(item.at, "the variable has no name").Hint = "only {{ secret:NAME }} and {{ configMap:NAME }}, which stand for all keys, go without"
		case name == nil:
			key := "secretRef"
			if ref[1] == "configMap" {
				key = "configMapRef"
			}
			from = append(from, mapAt(item.at, field(key, mapAt(value.at, field("name", textAt(value.at, ref[2]))))))
		case ref != nil && ref[3] == "":
			t.fault(value.at, "%s stands for all keys, but the variable has a name", value.describe()).Hint = "leave out the name, or name a key: {{ " + ref[1] + ":" + ref[2] + ":KEY }}"
		case ref != nil:
			key := "secretKeyRef"
			if ref[1] == "configMap" {
				key = "configMapKeyRef"
			}
			vars = append(vars, mapAt(item.at, field("name", name), field("valueFrom", mapAt(value.at,
				field(key, mapAt(value.at, field("name", textAt(value.at, ref[2])), field("key", textAt(value.at, ref[3]))))))))
		case strings.HasPrefix(value.value, "{{") && !funcEnvRef.MatchString(value.value):
			t.fault(value.at, "%s is none of {{ env:NAME }}, {{ secret:NAME:KEY }} and {{ configMap:NAME:KEY }}", value.describe())
		default:
			if value, _, ok := t.resolved(value); ok {
				vars = append(vars, mapAt(item.at, field("name", name), field("value", value)))
			}
		}
	})(e)
	if len(vars) > 0 {
		t.set(e, listAt(e.at, vars...), "env")
	}
	if len(from) > 0 {
		t.set(e, listAt(e.at, from...), "envFrom")
	}
}

func (t *funcYAML) labels(e entry) {
	labels := mapAt(e.at)
	t.each(func(item *node) {
		key, value, ok := t.pair(item, "key")
		if !ok {
			return
		}
		if key == nil {
			t.fault(item.at, "the label has no key")
			return
		}
		if value == nil {
			value = textAt(key.at, "")
		}
		value, fromEnv, ok := t.resolved(value)
		if !ok {
			return
		}
		if fromEnv && len(validation.IsValidLabelValue(value.value)) > 0 {
			t.fault(value.at, "what the variable holds cannot be the value of a label") // and is not shown
			return
		}
		labels.put(entry{key.value, key.at, value})
	})(e)
	t.set(e, labels, "labels")
}

// volumes cannot be mounted: functions of a mesh have files of their own only.
func (t *funcYAML) volumes(e entry) {
	t.each(func(item *node) {
		t.ds.warn(item.at, "the volume for %s is left out: functions of a mesh have no volumes", strconv.Quote(item.text("path"))).Hint =
			"give them what is in Secrets and ConfigMaps as variables: {{ secret:NAME:KEY }}, {{ configMap:NAME:KEY }}"
	})(e)
}

func (t *funcYAML) options(e entry) {
	var scale scaling
	t.walk(e.value, fields{
		"scale": t.within(fields{
			"min": t.as("scaling", "minReplicas"),
			"max": func(e entry) {
				if e.value.value == "0" {
					t.ds.warn(e.at, "0, no limit to Knative, is left out: a mesh has one, %d by default", v1beta1.DefaultMaxReplicas).Hint = "write the number of replicas that there may be"
					return
				}
				t.as("scaling", "maxReplicas")(e)
			},
			"metric":      func(e entry) { scale.metric = e },
			"target":      func(e entry) { scale.target = e },
			"utilization": func(e entry) { scale.utilization = e },
		}),
		"resources": t.within(fields{
			"requests": t.within(fields{
				"cpu":    t.as("resources", "requests", "cpu"),
				"memory": t.as("resources", "requests", "memory"),
			}),
			"limits": t.within(fields{
				"cpu":    t.as("resources", "limits", "cpu"),
				"memory": t.as("resources", "limits", "memory"),
				"concurrency": func(e entry) {
					if e.value.value == "0" {
						t.ds.warn(e.at, "0, no limit to Knative, is left out: a replica takes %d calls at once", v1beta1.DefaultConcurrency).Hint = "write the number of calls, at most 1000"
						return
					}
					scale.limit = e
					t.as("concurrency")(e)
				},
			}),
		}),
	})
	t.scale(scale)
}

// scaling is what of a func.yaml says how many calls a replica should have.
type scaling struct{ metric, target, utilization, limit entry }

// What Knative takes for a target and its utilization that are left out.
const (
	knativeTarget      = 100
	knativeUtilization = 70
)

// scale works out the number of calls in flight that a replica should have:
// Knative aims at a share, the utilization, of the target, which is the limit
// of concurrency where that is lower.
func (t *funcYAML) scale(s scaling) {
	if m := s.metric; m.value != nil {
		switch m.value.value {
		case "concurrency":
		case "rps":
			t.ds.warn(m.at, "rps is left out, and its target with it: a mesh scales by calls in flight").Hint =
				"write metric: concurrency, and as target the calls that a replica should have at once"
			return
		default:
			t.fault(m.at, "%s is not concurrency or rps", m.value.describe())
			return
		}
	}
	from := s.target
	if from.value == nil {
		from = s.utilization
	}
	if from.value == nil {
		return
	}
	target, ok := t.float(s.target, 0.01, math.MaxInt32, knativeTarget)
	utilization, sound := t.float(s.utilization, 1, 100, knativeUtilization)
	if !ok || !sound {
		return
	}
	if s.limit.value != nil {
		// What is wrong with it is told where concurrency is decoded.
		if limit, err := strconv.ParseFloat(s.limit.value.value, 64); err == nil && (limit < target || s.target.value == nil) {
			target = limit
		}
	}
	calls := max(1, int64(math.Round(target*utilization/100)))
	t.set(from, numberAt(from.value.at, calls), "scaling", "targetConcurrency")
}

// float reads a number between two bounds.
func (t *funcYAML) float(e entry, low, high, absent float64) (float64, bool) {
	if e.value == nil {
		return absent, true
	}
	v, err := strconv.ParseFloat(e.value.value, 64)
	if e.value.kind != scalar || err != nil || !(v >= low && v <= high) {
		t.fault(e.at, "%s is not a number from %s to %s", e.value.describe(), fmt.Sprint(low), strconv.FormatFloat(high, 'f', -1, 64))
		return 0, false
	}
	return v, true
}
