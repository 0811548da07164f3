package source

import "strings"

// functionContainer is the container of a template that runs the function.
const functionContainer = "function"

const nothingLikeIt = "a mesh sets nothing like it"

// template takes over what a mesh knows of a pod.
func (t *openFunction) template(e entry) {
	t.some(e.value, nothingLikeIt, fields{
		"containers":         t.each(t.container),
		"serviceAccountName": t.as("serviceAccountName"),
		"metadata":           t.none, // an empty one, in what kubectl prints
	})
}

func (t *openFunction) container(c *node) {
	if name := c.text("name"); name != functionContainer && name != "" {
		t.ds.warn(c.at, "is left out: a function is one container, %q", functionContainer).Hint = "write a function of its own for it, in a mesh"
		return
	}
	t.some(c, nothingLikeIt, fields{
		"name": t.none,
		"env": t.each(func(v *node) {
			t.env.items = append(t.env.items, v)
		}),
		"envFrom":        t.as("envFrom"),
		"resources":      t.as("resources"),
		"livenessProbe":  t.probe("livenessProbe"),
		"readinessProbe": t.probe("readinessProbe"),
		"image":          t.leftOut("the image is spec.image", ""),
		"ports":          t.leftOut("the port is that of the http trigger", ""),
	})
}

// probe takes over where a probe asks.
func (t *openFunction) probe(name string) func(entry) {
	return func(e entry) {
		otherwise := t.leftOut("probes of a mesh are requests", "write httpGet with a path, or nothing: what hosts a handler answers health requests itself")
		t.some(e.value, "the engine decides how often it asks", fields{
			"tcpSocket": otherwise, "exec": otherwise, "grpc": otherwise,
			"httpGet": func(get entry) {
				t.some(get.value, "it is asked for at the function's own address", fields{"path": t.as(name, "httpGet", "path")})
			},
		})
	}
}

// some walks a map of Kubernetes' fields, of which most have no counterpart.
func (t *openFunction) some(n *node, why string, known fields) {
	if n.kind != mapping {
		t.walk(n, known)
		return
	}
	for _, e := range n.entries {
		switch do := known[e.key]; {
		case e.value.kind == null:
		case do != nil:
			do(e)
		default:
			t.leftOut(why, "")(e)
		}
	}
}

// annotations go to the pods, but those that are for OpenFunction's controller.
func (t *openFunction) annotations(e entry) {
	if e.value.kind != mapping {
		t.as("annotations")(e)
		return
	}
	for _, a := range e.value.entries {
		if strings.HasPrefix(a.key, "openfunction.io/") || strings.HasPrefix(a.key, "plugins") {
			t.leftOut("it is for OpenFunction's controller", "")(a)
			continue
		}
		t.f.in(e.at, "annotations").put(a)
	}
}
