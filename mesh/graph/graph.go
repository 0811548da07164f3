// Package graph draws a mesh: as Mermaid for documents, as DOT for Graphviz,
// and as an SVG that it lays out itself, so that nothing needs installing.
//
// Triggers are the sources, functions the nodes, links the edges with their
// conditions as labels. All text is escaped: a mesh file may hold anything.
package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// triggerLabel says in a few words what calls a function.
func triggerLabel(t v1beta1.Trigger) string {
	switch t.Type {
	case v1beta1.TriggerHTTP:
		methods := slices.Clone(t.Methods)
		for i := range methods {
			methods[i] = strings.ToUpper(methods[i])
		}
		if len(methods) == 0 {
			methods = []string{"http"}
		}
		return strings.Join(methods, ", ") + " " + t.Path
	case v1beta1.TriggerCron:
		return "cron " + t.Schedule
	case v1beta1.TriggerPubSub:
		return "pubsub " + t.Topic
	case v1beta1.TriggerBinding:
		return "binding " + t.Component
	case v1beta1.TriggerPostgres:
		return "postgres " + strings.Join(t.Tables, ", ")
	case v1beta1.TriggerFile:
		return "file " + t.Path
	case v1beta1.TriggerQueue:
		return "queue " + t.Path
	case v1beta1.TriggerRPC:
		return "rpc " + t.Service + "." + t.Function
	}
	return string(t.Type)
}

// replicas says between how many replicas a function runs.
func replicas(f *mesh.Function) string {
	if f.Scaling.Min == f.Scaling.Max {
		return fmt.Sprintf("%d replicas", f.Scaling.Max)
	}
	return fmt.Sprintf("%d–%d replicas", f.Scaling.Min, f.Scaling.Max)
}

// condition gives the label of a link: its condition as the file has it, none
// where it has none.
func condition(p *mesh.Plan, l *mesh.Link) string {
	return strings.Join(strings.Fields(p.Mesh.Spec.Connections[l.Index].Condition), " ")
}

// takesErrors says whether a link is taken when a call has failed.
func takesErrors(l *mesh.Link) bool {
	if !l.Condition.TakesErrors() {
		return false
	}
	taken, err := l.Condition.Eval(mesh.Vars{Status: mesh.StatusError, Error: "error"})
	return err == nil && taken
}
