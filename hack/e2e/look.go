package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// lastLines of a list or a log are what look prints.
const lastLines = 25

// look prints what may say why a step failed: what there is, why meshes are not
// ready, warnings, and the logs of pods that do not run as they should, of
// fronts and of the controller.
func (e *env) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e.print(ctx, "", "get", "functionmesh,ksvc,scaledobject,hpa,pods")
	e.print(ctx, "", "get", "functionmesh", "-o", `jsonpath={range .items[*]}{range .status.conditions[?(@.status!="True")]}{.type} {.reason}: {.message}{"\n"}{end}{end}`)
	e.print(ctx, "", "get", "events", "--sort-by=.lastTimestamp", "--field-selector=type=Warning", "-o", "custom-columns=OBJECT:.involvedObject.name,REASON:.reason,COUNT:.count,MESSAGE:.message")
	for _, name := range e.unwell(ctx) {
		e.print(ctx, "", "logs", name, "--all-containers", "--prefix", "--tail=8")
	}
	e.print(ctx, "", "logs", "-l", "weft.dev/role=front", "--prefix", "--tail=8")
	e.print(ctx, systemNamespace, "logs", "-l", "app.kubernetes.io/name=weft-controller", "--tail=12")
}

// print runs kubectl and prints the end of what it says.
func (e *env) print(ctx context.Context, namespace string, args ...string) {
	out, err := e.in(ctx, namespace, args...)
	text := strings.TrimSpace(string(out))
	if err != nil && text == "" {
		text = err.Error()
	}
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	fmt.Printf("    $ kubectl %s\n", strings.Join(args, " "))
	for _, line := range lines[max(0, len(lines)-lastLines):] {
		tell("  %.300s", line)
	}
}

// unwell are the pods that are not ready, or have been started again; three at
// most, as others mostly say the same.
func (e *env) unwell(ctx context.Context) []string {
	out, err := e.kubectl(ctx, "get", "pods", "-o", "json")
	if err != nil {
		return nil
	}
	type container struct {
		Ready        bool
		RestartCount int
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name, DeletionTimestamp string }
			Status   struct{ ContainerStatuses, InitContainerStatuses []container }
		}
	}
	if json.Unmarshal(out, &list) != nil {
		return nil
	}
	var names []string
	for _, p := range list.Items {
		for _, c := range append(p.Status.ContainerStatuses, p.Status.InitContainerStatuses...) {
			if p.Metadata.DeletionTimestamp == "" && (!c.Ready || c.RestartCount > 0) {
				names = append(names, p.Metadata.Name)
				break
			}
		}
	}
	return names[:min(3, len(names))]
}
