package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

// Conditions of a mesh. Notes of package desired bring further ones.
const (
	// ConditionReady says that everything the mesh asks for runs, or is at zero
	// and can be woken.
	ConditionReady = "Ready"
	// ConditionValid says that the mesh could be compiled.
	ConditionValid = "Valid"
	// ConditionApplied says that the cluster took all objects.
	ConditionApplied = "Applied"
	// ConditionPaused says that the controller leaves the mesh as it is.
	ConditionPaused = "Paused"
)

// maxMessage bounds a condition's message, in bytes.
const maxMessage = 2048

// report writes the mesh's status if it has changed.
func (r *run) report(ctx context.Context) error {
	status := r.mesh.Status.DeepCopy()
	status.ObservedGeneration = r.mesh.Generation
	status.Links = int32(len(r.mesh.Spec.Connections))
	paused := r.mesh.Annotations[desired.AnnotationPaused] == "true"
	kept := map[string]bool{ConditionReady: true}
	set := func(c metav1.Condition) {
		kept[c.Type] = true
		c.ObservedGeneration = r.mesh.Generation
		if len(c.Message) > maxMessage {
			c.Message = strings.ToValidUTF8(c.Message[:maxMessage], "") + "…"
		}
		meta.SetStatusCondition(&status.Conditions, c)
	}
	if paused {
		set(metav1.Condition{Type: ConditionPaused, Status: metav1.ConditionTrue, Reason: "Annotated",
			Message: "the controller leaves this mesh as it is: remove the annotation " + desired.AnnotationPaused + " to go on"})
		for _, c := range status.Conditions {
			kept[c.Type] = true
		}
	} else {
		if err := r.conditions(ctx, status, set); err != nil {
			return err
		}
	}
	status.Conditions = slices.DeleteFunc(status.Conditions, func(c metav1.Condition) bool { return !kept[c.Type] })
	if equality.Semantic.DeepEqual(status, &r.mesh.Status) {
		return nil
	}
	before := meta.IsStatusConditionTrue(r.mesh.Status.Conditions, ConditionReady)
	patch := client.MergeFrom(r.mesh.DeepCopy())
	r.mesh.Status = *status
	if err := r.client.Status().Patch(ctx, r.mesh, patch); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("status: %w", err))
	}
	r.announce(before)
	return nil
}

// announce tells of a change of readiness as an event.
func (r *run) announce(before bool) {
	ready := meta.FindStatusCondition(r.mesh.Status.Conditions, ConditionReady)
	if ready == nil || r.recorder == nil {
		return
	}
	switch now := ready.Status == metav1.ConditionTrue; {
	case now && !before:
		r.recorder.Eventf(r.mesh, nil, corev1.EventTypeNormal, "Ready", "Reconcile", "all functions are ready")
	case !now:
		r.recorder.Eventf(r.mesh, nil, corev1.EventTypeWarning, ready.Reason, "Reconcile", "%s", ready.Message)
	}
}

// conditions says how far the mesh is, as conditions and function by function.
func (r *run) conditions(ctx context.Context, status *v1beta1.FunctionMeshStatus, set func(metav1.Condition)) error {
	if r.plan == nil {
		message := text(r.problems.Errors())
		set(metav1.Condition{Type: ConditionValid, Status: metav1.ConditionFalse, Reason: "Invalid", Message: message})
		set(metav1.Condition{Type: ConditionReady, Status: metav1.ConditionFalse, Reason: "Invalid", Message: "the mesh is not valid; what ran before goes on: " + message})
		return nil
	}
	valid := metav1.Condition{Type: ConditionValid, Status: metav1.ConditionTrue, Reason: "Compiled", Message: "the mesh is valid"}
	if w := r.problems.Warnings(); len(w) > 0 {
		valid.Reason, valid.Message = "Warnings", text(w)
	}
	set(valid)

	applied := metav1.Condition{Type: ConditionApplied, Status: metav1.ConditionTrue, Reason: "Applied", Message: "the cluster took all objects"}
	if text, conflict := r.troubles(); text != "" {
		applied.Status, applied.Reason, applied.Message = metav1.ConditionFalse, "Refused", text
		if conflict {
			applied.Reason = "Conflict"
		}
	}
	set(applied)

	blocked := make(map[string]desired.Note) // by function
	for _, group := range byType(r.notes) {
		c := metav1.Condition{Type: group[0].Type, Status: metav1.ConditionFalse, Reason: group[0].Reason}
		var messages []string
		for _, n := range group {
			text := n.Message
			if n.Function != "" {
				text = n.Function + ": " + text
			}
			messages = append(messages, text)
			if n.Blocking {
				if _, has := blocked[n.Function]; !has {
					blocked[n.Function] = n
				}
			}
		}
		c.Message = strings.Join(messages, "; ")
		set(c)
	}

	status.Functions = nil
	ready, why := 0, ""
	for _, f := range r.plan.Functions {
		fs, err := r.function(ctx, f)
		if err != nil {
			return err
		}
		if n, has := blocked[f.Name]; has {
			fs.Ready, fs.Reason, fs.Message = false, n.Reason, n.Message
		}
		if fs.Ready {
			ready++
		} else if why == "" {
			why = strings.TrimSuffix(f.Name+": "+fs.Message, ": ")
		}
		status.Functions = append(status.Functions, fs)
	}
	status.FunctionsReady = fmt.Sprintf("%d/%d", ready, len(r.plan.Functions))

	c := metav1.Condition{Type: ConditionReady, Status: metav1.ConditionTrue, Reason: "Ready", Message: status.FunctionsReady + " functions are ready"}
	front, err := r.deployment(ctx, r.mesh.Name+"-front", true)
	if err != nil {
		return err
	}
	not := func(reason, message string) {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
	}
	switch n, has := blocked[""]; {
	case has:
		not(n.Reason, n.Message)
	case applied.Status == metav1.ConditionFalse:
		not(applied.Reason, applied.Message)
	case ready < len(r.plan.Functions):
		not("FunctionsNotReady", status.FunctionsReady+" functions are ready; "+why)
	case !front.Ready:
		not("FrontNotReady", "the front: "+cmp.Or(front.Message, "no replica is ready yet"))
	}
	set(c)
	return nil
}

// text lists problems of a mesh.
func text(problems mesh.Problems) string {
	list := make([]string, len(problems))
	for i, p := range problems {
		list[i] = p.String()
	}
	return strings.Join(list, "; ")
}

// troubles lists the objects that could not be applied.
func (r *run) troubles() (text string, conflict bool) {
	var list []string
	for _, c := range r.conflicts {
		list = append(list, c.Error())
	}
	for _, err := range r.failures {
		list = append(list, err.Error())
	}
	return strings.Join(list, "; "), len(r.conflicts) > 0
}

// byType groups notes, in the order in which the types first occur.
func byType(notes []desired.Note) [][]desired.Note {
	var groups [][]desired.Note
	for _, n := range notes {
		i := slices.IndexFunc(groups, func(g []desired.Note) bool { return g[0].Type == n.Type })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], n)
	}
	return groups
}

// function says how one function is.
func (r *run) function(ctx context.Context, f *mesh.Function) (v1beta1.FunctionStatus, error) {
	if f.Spec.Scaler == v1beta1.ScalerKEDA {
		fs, err := r.deployment(ctx, f.Service, false)
		fs.Name = f.Name
		fs.URL = fmt.Sprintf("http://%s.%s.svc.cluster.local", f.Service, r.mesh.Namespace)
		return fs, err
	}
	fs := v1beta1.FunctionStatus{Name: f.Name, Reason: "NotCreated", Message: "its Knative Service is not there yet"}
	if !summary(r.have).Knative {
		return fs, nil // the note about that says so
	}
	u := kindKnativeService.object()
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: r.mesh.Namespace, Name: f.Service}, u); err != nil {
		return fs, client.IgnoreNotFound(err)
	}
	fs.URL, _, _ = unstructured.NestedString(u.Object, "status", "url")
	fs.Revision, _, _ = unstructured.NestedString(u.Object, "status", "latestReadyRevisionName")
	fs.Ready, fs.Reason, fs.Message = readyOf(u)
	if !fs.Ready && fs.Reason == "" {
		fs.Reason = "Starting"
	}
	return fs, nil
}

// readyOf reads the condition Ready, if it is about the present generation.
func readyOf(u *unstructured.Unstructured) (ready bool, reason, message string) {
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	if observed != u.GetGeneration() {
		return false, "Updating", "Knative has not looked at its latest version yet"
	}
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] != "Ready" {
			continue
		}
		if c["status"] == "True" {
			return true, "", ""
		}
		reason, _ = c["reason"].(string)
		message, _ = c["message"].(string)
		return false, reason, message
	}
	return false, "Starting", "Knative has not said how it is"
}

// deployment says how a Deployment is; at zero it is ready unless someone must
// run.
func (r *run) deployment(ctx context.Context, name string, mustRun bool) (v1beta1.FunctionStatus, error) {
	fs := v1beta1.FunctionStatus{Reason: "NotCreated", Message: "its Deployment is not there yet"}
	u := kindDeployment.object()
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: r.mesh.Namespace, Name: name}, u); err != nil {
		return fs, client.IgnoreNotFound(err)
	}
	number := func(fields ...string) int64 {
		n, _, _ := unstructured.NestedInt64(u.Object, fields...)
		return n
	}
	wanted, available := number("spec", "replicas"), number("status", "availableReplicas")
	fs.Replicas = int32(number("status", "readyReplicas"))
	fs.Reason, fs.Message = "", ""
	switch {
	case number("status", "observedGeneration") != u.GetGeneration():
		fs.Reason, fs.Message = "Updating", "its latest version is not rolled out yet"
	case mustRun && available == 0, available < wanted && number("status", "updatedReplicas") < wanted:
		fs.Reason, fs.Message = "Starting", fmt.Sprintf("%d of %d replicas are available", available, max(wanted, 1))
		list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, item := range list {
			if c, _ := item.(map[string]any); c["status"] == "False" || c["type"] == "ReplicaFailure" && c["status"] == "True" {
				if text, _ := c["message"].(string); text != "" {
					fs.Message += ": " + text
				}
			}
		}
	default:
		fs.Ready = true
	}
	return fs, nil
}
