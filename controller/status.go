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

const (
	// maxMessage bounds a condition's message, in bytes.
	maxMessage = 2048
	// maxNote is the longest that the API server takes of an event.
	maxNote = 1024
)

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
		c.Message = cut(c.Message, maxMessage)
		meta.SetStatusCondition(&status.Conditions, c)
	}
	if paused {
		set(metav1.Condition{Type: ConditionPaused, Status: metav1.ConditionTrue, Reason: "Annotated",
			Message: "the controller leaves this mesh as it is: remove the annotation " + desired.AnnotationPaused + " to go on"})
		set(metav1.Condition{Type: ConditionReady, Status: metav1.ConditionUnknown, Reason: "Paused",
			Message: "the controller leaves this mesh as it is, and says of it what it last saw"})
		for _, c := range status.Conditions {
			kept[c.Type] = true
		}
	} else {
		if err := r.conditions(ctx, status, set); err != nil {
			return err
		}
	}
	status.Conditions = slices.DeleteFunc(status.Conditions, func(c metav1.Condition) bool { return !kept[c.Type] })
	slices.SortFunc(status.Conditions, func(a, b metav1.Condition) int {
		return cmp.Or(cmp.Compare(rank(a.Type), rank(b.Type)), cmp.Compare(a.Type, b.Type))
	})
	if equality.Semantic.DeepEqual(status, &r.mesh.Status) {
		return nil
	}
	var before metav1.Condition
	if c := meta.FindStatusCondition(r.mesh.Status.Conditions, ConditionReady); c != nil {
		before = *c
	}
	version, patch := r.mesh.ResourceVersion, client.MergeFrom(r.mesh.DeepCopy())
	r.mesh.Status = *status
	if err := r.client.Status().Patch(ctx, r.mesh, patch); err != nil {
		if err = client.IgnoreNotFound(err); err != nil {
			return fmt.Errorf("status: %w", err)
		}
		return nil
	}
	r.Reconciler.written.Store(client.ObjectKeyFromObject(r.mesh), written{version, *status})
	r.announce(before)
	return nil
}

// rank orders the conditions that every mesh has before the others.
func rank(condition string) int {
	order := []string{ConditionReady, ConditionValid, ConditionApplied, ConditionPaused}
	if i := slices.Index(order, condition); i >= 0 {
		return i
	}
	return len(order)
}

// announce tells as an event that the mesh is ready, or is not for another
// reason than before: how many functions are ready changes too often for that.
func (r *run) announce(before metav1.Condition) {
	now := meta.FindStatusCondition(r.mesh.Status.Conditions, ConditionReady)
	switch {
	case now == nil || now.Status == before.Status && now.Reason == before.Reason:
	case now.Status == metav1.ConditionTrue:
		r.recorder.Eventf(r.mesh, nil, corev1.EventTypeNormal, now.Reason, "Reconcile", "%s", now.Message)
	case now.Status == metav1.ConditionFalse:
		r.recorder.Eventf(r.mesh, nil, corev1.EventTypeWarning, now.Reason, "Reconcile", "%s", cut(now.Message, maxNote))
	}
}

// cut bounds a text, in bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
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
	trouble, told, err := r.dispatchersTrouble(ctx)
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
	case trouble != "":
		not("DispatchersNotReady", "the dispatchers: "+cmp.Or(told, trouble))
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
	if !has(r.have, kindKnativeService) {
		return fs, nil // the note about that says so
	}
	u, err := r.read(ctx, kindKnativeService, f.Service)
	if u == nil {
		return fs, err
	}
	fs.URL, _, _ = unstructured.NestedString(u.Object, "status", "url")
	fs.Revision, _, _ = unstructured.NestedString(u.Object, "status", "latestReadyRevisionName")
	fs.Ready, fs.Reason, fs.Message = readyOf(u)
	if !fs.Ready && fs.Reason == "" {
		fs.Reason = "Starting"
	}
	fs.Replicas, err = r.replicas(ctx, fs.Revision)
	return fs, err
}

// replicas of a revision that run now.
func (r *run) replicas(ctx context.Context, revision string) (int32, error) {
	if revision == "" || !has(r.have, kindRevision) {
		return 0, nil
	}
	u, err := r.read(ctx, kindRevision, revision)
	if u == nil {
		return 0, err
	}
	n, _, _ := unstructured.NestedInt64(u.Object, "status", "actualReplicas")
	return int32(n), nil
}

// read gives an object as it is now, or nil if there is none. It must not be
// changed.
func (r *run) read(ctx context.Context, k kind, name string) (*unstructured.Unstructured, error) {
	u := k.object()
	u.SetName(name)
	if now := r.applied[key(u)]; now != nil {
		return now, nil
	}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: r.mesh.Namespace, Name: name}, u, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return unpacked(u)
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
	u, err := r.read(ctx, kindDeployment, name)
	if u == nil {
		return fs, err
	}
	number := func(fields ...string) int64 {
		n, _, _ := unstructured.NestedInt64(u.Object, fields...)
		return n
	}
	wanted, available := number("spec", "replicas"), number("status", "availableReplicas")
	fs.Replicas = int32(number("status", "readyReplicas"))
	fs.Reason, fs.Message = "", ""
	reason, message, err := r.trouble(ctx, u)
	if err != nil {
		return fs, err
	}
	switch {
	case reason != "":
		fs.Reason, fs.Message = reason, message
	case number("status", "observedGeneration") != u.GetGeneration():
		fs.Reason, fs.Message = "Updating", "its latest version is not rolled out yet"
	// One more replica that starts does not make a function unready: it was woken.
	case mustRun && available == 0, number("status", "updatedReplicas") < wanted:
		fs.Reason, fs.Message = "Starting", fmt.Sprintf("%d of %d replicas are available", available, max(wanted, 1))
	default:
		fs.Ready = true
	}
	return fs, nil
}

// trouble says why a Deployment gets no further, or one of its pods does not
// start: in a rollout that may be a new one, while the old ones go on.
func (r *run) trouble(ctx context.Context, u *unstructured.Unstructured) (reason, message string, err error) {
	wanted, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	there, _, _ := unstructured.NestedInt64(u.Object, "status", "replicas")
	available, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
	if available < max(wanted, there, 1) {
		selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector", "matchLabels")
		if reason, message, err = r.stuckOf(ctx, selector); err != nil || reason != "" {
			return reason, message, err
		}
	}
	reason, message = troubleOf(u)
	return reason, message, nil
}

// dispatchersTrouble is that of the dispatchers, which come and go: that there are
// fewer than there are to be is none.
func (r *run) dispatchersTrouble(ctx context.Context) (reason, message string, err error) {
	for _, u := range r.applied {
		if u.GetKind() == kindDeployment.Kind && u.GetLabels()[desired.LabelRole] == desired.RoleDispatcher {
			return r.trouble(ctx, u)
		}
	}
	return "", "", nil
}

// troubleOf says why a Deployment gets no further: it may not make pods, or they
// take too long.
func troubleOf(u *unstructured.Unstructured) (reason, message string) {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] == "ReplicaFailure" && c["status"] == "True" || c["type"] == "Progressing" && c["status"] == "False" {
			reason, _ = c["reason"].(string)
			message, _ = c["message"].(string)
			return cmp.Or(reason, "NoProgress"), message
		}
	}
	return "", ""
}
