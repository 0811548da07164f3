package source

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// The building blocks of Dapr that a Function may name.
const (
	blockBindings = "bindings"
	blockPubSub   = "pubsub"
)

// block is a component type's building block: pubsub of pubsub.redis.
func block(componentType string) string {
	b, _, _ := strings.Cut(componentType, ".")
	return b
}

// declare finds the components that there are: those beside the document, and
// its own, which become components of the mesh.
func (t *openFunction) declare() {
	for _, o := range t.ds.others {
		if o.kind == kindComponent {
			t.kinds[o.name] = o.text("spec", "type")
		}
	}
	serving := t.doc.find("spec").find("serving")
	for _, kind := range []string{blockBindings, blockPubSub} {
		t.declared(serving.find(kind), func(e entry) { t.component(e, e.value) })
	}
	t.declared(serving.find("states"), func(e entry) {
		if spec := e.value.find("spec"); spec != nil {
			t.component(e, spec)
		} else if t.kinds[e.key] == "" {
			t.undeclared(e.at, e.key)
		}
	})
}

func (t *openFunction) declared(n *node, add func(entry)) {
	switch {
	case n == nil || n.kind == null:
	case n.kind != mapping:
		t.fault(n.at, "%s is not a map of components by name", n.describe())
	default:
		for _, e := range n.entries {
			add(e)
		}
	}
}

// component takes over a component's spec, whose fields are the mesh's too.
func (t *openFunction) component(e entry, spec *node) {
	if spec.kind != mapping {
		t.fault(e.at, "%s is not the spec of a component", spec.describe())
		return
	}
	c := mapAt(e.at, field("name", textAt(e.at, e.key)))
	for _, f := range spec.entries {
		if f.key == "metadata" && f.value.kind == list {
			f.value = textValues(f.value)
		}
		c.entries = append(c.entries, f)
	}
	t.kinds[e.key] = spec.text("type")
	t.components.items = append(t.components.items, c)
}

// textValues are settings whose values may be of any type: Dapr takes numbers
// and booleans for their text.
func textValues(settings *node) *node {
	all := listAt(settings.at)
	for _, item := range settings.items {
		fresh := *item
		fresh.entries = nil
		for _, e := range item.entries {
			if e.key == "value" && e.value.kind != null {
				text := e.value.value
				if e.value.kind != scalar {
					plain, _ := json.Marshal(e.value.plain()) // what YAML holds, JSON does
					text = string(plain)
				}
				e.value = textAt(e.value.at, text)
			}
			fresh.entries = append(fresh.entries, e)
		}
		all.items = append(all.items, &fresh)
	}
	return all
}

func (t *openFunction) undeclared(at place, name string) {
	p := t.fault(at, "there is no component %q, here or beside this file", name)
	p.Hint = "declare it under bindings, pubsub or states, or as a Component in resources/"
	if near := mesh.Nearest(name, slices.Sorted(maps.Keys(t.kinds))); near != "" {
		p.Hint = `did you mean "` + near + `"?`
	}
}

// input is a trigger by Dapr: an input binding, or a topic.
func (t *openFunction) input(item *node) {
	t.walk(item, fields{"name": t.none, "type": t.none, "topic": t.none, "inputName": t.none})
	t.wire(item, "inputName", "input", t.context.Inputs)
}

// inputs of http triggers are for functions that read components themselves.
func (t *openFunction) inputs(e entry) {
	t.each(func(item *node) {
		ref := item
		if d := item.find("dapr"); d != nil {
			ref = d
		}
		if name := ref.find("name"); name != nil && t.kinds[name.text()] == "" {
			t.undeclared(name.at, name.text())
		}
		t.ds.warn(item.at, "is left out: nothing calls the function with it").Hint =
			"make it a trigger under dapr, or read it by the Dapr API, at DAPR_GRPC_ENDPOINT"
	})(e)
}

// output is where what the code sends goes.
func (t *openFunction) output(item *node) {
	t.walk(item, fields{"dapr": func(e entry) {
		t.walk(e.value, fields{"name": t.none, "type": t.none, "topic": t.none, "outputName": t.none, "metadata": t.none, "operation": t.none})
		if e.value.kind == mapping {
			t.wire(e.value, "outputName", "output", t.context.Outputs)
		}
	}})
}

// wire puts an input or output into FUNC_CONTEXT.
func (t *openFunction) wire(item *node, alias, what string, into map[string]endpoint) {
	name := item.text("name")
	if name == "" {
		t.fault(item.at, "the %s has no name", what).Hint = "write name: and a component's name"
		return
	}
	at := item.find("name").at
	is, known := t.kinds[name]
	if !known {
		t.undeclared(at, name)
		return
	}
	if said := item.find("type"); said.text() != "" && is != "" && block(said.text()) != block(is) {
		t.fault(said.at, "the component %q is a %s, not a %s", name, is, said.text())
		return
	}
	to := endpoint{URI: name, ComponentName: name, ComponentType: is, Operation: item.text("operation")}
	topic := item.find("topic")
	switch block(is) {
	case blockPubSub:
		if to.URI = topic.text(); to.URI == "" {
			t.fault(item.at, "the %s %q has no topic", what, name).Hint = "write topic: beside its name"
			return
		}
	case blockBindings:
		if topic.text() != "" {
			t.ds.warn(topic.at, "is left out: a binding has no topic").Hint = "set it in the component's metadata"
		}
	case "":
		return // a component without a type is reported as one
	default:
		t.fault(at, "the component %q is a %s; an %s is one of bindings or pubsub", name, is, what)
		return
	}
	if m := item.find("metadata"); m != nil && m.kind == mapping {
		to.Metadata = make(map[string]string)
		for _, e := range m.entries {
			to.Metadata[e.key] = e.value.value
		}
	}
	if other := item.text(alias); other != "" {
		name = other
	}
	if _, twice := into[name]; twice {
		t.fault(item.at, "a second %s %q", what, name).Hint = "give one a name of its own with " + alias
		return
	}
	into[name] = to
}
