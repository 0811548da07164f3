package desired

import (
	"fmt"
	"slices"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// unserved are the types of triggers that a front does not serve, with what to
// use instead.
var unserved = map[v1beta1.TriggerType]string{
	v1beta1.TriggerCron:     "use a trigger of type binding, with a component of type bindings.cron",
	v1beta1.TriggerPostgres: "have the changes written to a topic, and use a trigger of type pubsub",
	v1beta1.TriggerFile:     "its directory is one of one machine; use a trigger of type binding, with the store that holds the files",
	v1beta1.TriggerQueue:    "use a trigger of type http, and a link from its function to this one",
	v1beta1.TriggerRPC:      "use a trigger of type http",
}

// triggers notes what a cluster does otherwise with a function's triggers, or
// not at all.
func (b *builder) triggers(f *mesh.Function) {
	never := !b.called(f)
	for i, t := range f.Triggers {
		b.protected(f, i, t)
		path := fmt.Sprintf("%s[%d]", at(f, "triggers"), i)
		if instead := unserved[t.Type]; instead != "" {
			b.note(Note{Function: f.Name, Path: path, Type: TypeTriggersHonoured, Reason: "NotServed", Blocking: never,
				Message: "a trigger of type " + string(t.Type) + " is not served on a cluster: nothing calls the function by it; " + instead})
		}
		if t.Type != v1beta1.TriggerPubSub {
			continue
		}
		name := b.plan.TopicOf(t)
		if limit := topicLimit(b.plan.Components[name]); limit != "" {
			b.once(Note{Path: b.componentPath(name), Type: TypeTriggersHonoured, Reason: "TopicLimits",
				Message: "topics of " + name + ": " + limit})
		}
	}
	b.calls(f, never)
}

// called says whether a cluster serves any of what the mesh has call f.
func (b *builder) called(f *mesh.Function) bool {
	return len(f.In) > 0 ||
		slices.ContainsFunc(f.Triggers, func(t v1beta1.Trigger) bool { return unserved[t.Type] == "" }) ||
		slices.ContainsFunc(b.plan.Functions, func(from *mesh.Function) bool {
			return from != f && b.plan.MayCall(from, f) && b.passes(from, f)
		})
}

// calls notes which calls by f's own code a cluster does not pass on, and, where
// f is never called, that it was to be called by such.
func (b *builder) calls(f *mesh.Function, never bool) {
	for i, name := range f.Calls {
		to := b.callee(f, name)
		note := Note{Function: f.Name, Path: fmt.Sprintf("%s[%d]", at(f, "calls"), i), Type: TypeCallsHonoured}
		switch {
		case to == nil || !b.passes(f, to):
			note.Reason, note.Message = "NotServed", "calls of "+name+" are not served on a cluster: "+b.insteadOfCalls()
		case to.Scaling.Min == 0:
			note.Reason, note.Message = "NotWoken", "calls of "+name+" go from sidecar to sidecar, which wakes nobody: at zero they fail; set its scaling.minReplicas to 1"
		default:
			continue
		}
		b.note(note)
	}
	if !never {
		return
	}
	for _, from := range b.plan.Functions {
		if from != f && b.plan.MayCall(from, f) {
			b.note(Note{Function: f.Name, Path: at(f, "triggers"), Type: TypeCallsHonoured, Reason: "NotServed", Blocking: true,
				Message: "nothing calls it but the code of " + from.Name + ", and such calls are not served on a cluster: " + b.insteadOfCalls()})
			return
		}
	}
}

// callee is the function of the mesh that an entry of f's calls is about; nil if
// it is of another.
func (b *builder) callee(f *mesh.Function, name string) *mesh.Function {
	alone := &mesh.Function{Calls: []string{name}}
	for _, to := range b.plan.Functions {
		if to != f && b.plan.MayCall(alone, to) {
			return to
		}
	}
	return nil
}

// passes says whether code of one function reaches another: by two sidecars. The
// front passes on no such calls, and the functions' own ports want tokens.
func (b *builder) passes(from, to *mesh.Function) bool { return b.sidecar(from) && b.sidecar(to) }

func (b *builder) insteadOfCalls() string {
	return "use a link, or give what is called a trigger of type http, and call it at http://" +
		FrontName(b.plan.Name) + "." + b.plan.Namespace + ".svc.cluster.local"
}
