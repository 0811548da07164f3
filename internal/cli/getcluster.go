package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/mesh"
)

// clusterMesh is what the controller says of a mesh, as weft get prints it.
type clusterMesh struct {
	Mesh      string    `json:"mesh"`
	Namespace string    `json:"namespace"`
	Ready     bool      `json:"ready"`
	Created   time.Time `json:"created"`
	// Reason why it is not ready.
	Reason     string             `json:"reason,omitempty"`
	Links      int                `json:"links"`
	Functions  []clusterFunction  `json:"functions"`
	Conditions []metav1.Condition `json:"conditions"`
}

// clusterFunction is what the controller says of a function, and what a front
// says of its queue.
type clusterFunction struct {
	v1beta1.FunctionStatus
	// Queue is nil if no front could be asked, or the broker did not tell it.
	Queue *clusterQueue `json:"queue,omitempty"`
}

// clusterQueue counts a function's events.
type clusterQueue struct {
	Queued      int `json:"queued"`
	InFlight    int `json:"inFlight"`
	DeadLetters int `json:"deadLetters"`
}

func clusterMeshOf(fm *v1beta1.FunctionMesh) clusterMesh {
	m := clusterMesh{
		Mesh: fm.Name, Namespace: fm.Namespace, Created: fm.CreationTimestamp.Time, Links: len(fm.Spec.Connections),
		Functions:  []clusterFunction{},
		Conditions: append([]metav1.Condition{}, fm.Status.Conditions...),
	}
	for _, f := range fm.Status.Functions {
		m.Functions = append(m.Functions, clusterFunction{FunctionStatus: f})
	}
	ready := meta.FindStatusCondition(fm.Status.Conditions, "Ready")
	switch {
	case fm.DeletionTimestamp != nil:
		m.Reason = "it is being deleted"
	case fm.Status.ObservedGeneration < fm.Generation:
		m.Reason = "the controller has not looked at it; is it running? kubectl get pods -n weft-system"
	case ready == nil:
		m.Reason = "the controller says nothing of it"
	case ready.Status != metav1.ConditionTrue:
		m.Reason = ready.Message
	default:
		m.Ready = true
	}
	return m
}

func (m *clusterMesh) state() string {
	if m.Ready {
		return "ready"
	}
	return "not ready"
}

func (m *clusterMesh) functionsReady() string {
	n := 0
	for _, f := range m.Functions {
		if f.Ready {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(m.Functions))
}

func (a *app) getFromCluster(ctx context.Context, engine engineFlags, out outputFlag, args []string) error {
	if len(args) == 0 && engine.remote.mesh == "" && engine.mesh.file == "" && engine.mesh.exists() != nil {
		return a.listMeshes(ctx, engine, out)
	}
	on, name, err := engine.meshOnCluster()
	if err != nil {
		return a.faults(err)
	}
	fm, err := on.Mesh(ctx, name)
	if err != nil {
		return err
	}
	m := clusterMeshOf(fm)
	if !m.Ready {
		m.askPods(ctx, on)
	}
	if err := m.askFront(ctx, on); err != nil && ctx.Err() == nil {
		fmt.Fprintf(a.Err, "weft: how full queues are is not known: %s\n", oneLine(err.Error()))
	}
	if len(args) == 0 {
		return out.print(a.Out, m, func(w io.Writer) error { return printClusterMesh(w, m) })
	}
	f, err := findClusterFunction(fm, m.Functions, args[0])
	if err != nil {
		return err
	}
	return out.print(a.Out, f, func(w io.Writer) error { return printClusterFunction(w, f) })
}

func (a *app) listMeshes(ctx context.Context, engine engineFlags, out outputFlag) error {
	on, err := engine.remote.open("")
	if err != nil {
		return err
	}
	fms, err := on.Meshes(ctx)
	if err != nil {
		return err
	}
	list := make([]clusterMesh, 0, len(fms))
	for _, fm := range fms {
		list = append(list, clusterMeshOf(fm))
	}
	return out.print(a.Out, list, func(w io.Writer) error {
		if len(list) == 0 {
			_, err := fmt.Fprintf(w, "no meshes in the namespace %s\n", on.Namespace())
			return err
		}
		t := newColumns(w, "MESH", "STATE", "FUNCTIONS", "LINKS", "SINCE", "WHY NOT")
		for _, m := range list {
			t.row(m.Mesh, m.state(), m.functionsReady(), m.Links, m.Created.Local().Format(time.DateTime), shorten(m.Reason, 60))
		}
		return t.flush()
	})
}

// findClusterFunction returns what is said of the function of that name, as
// written or in kebab-case.
func findClusterFunction(fm *v1beta1.FunctionMesh, functions []clusterFunction, name string) (clusterFunction, error) {
	written, err := functionOf(fm, name)
	if err != nil {
		return clusterFunction{}, err
	}
	for _, f := range functions {
		if f.Name == written {
			return f, nil
		}
	}
	return clusterFunction{FunctionStatus: v1beta1.FunctionStatus{Name: written, Message: "the controller has not looked at it"}}, nil
}

// askPods adds what holds up the pods of functions that are not ready. Who may
// not read pods is told what the controller says.
func (m *clusterMesh) askPods(ctx context.Context, on *cluster.Cluster) {
	stuck, _ := on.Stuck(ctx, m.Mesh)
	for i, f := range m.Functions {
		reason, message, _ := strings.Cut(stuck[cluster.Label(f.Name)], ": ")
		if !f.Ready && reason != "" {
			m.Functions[i].Reason, m.Functions[i].Message = reason, message
		}
	}
}

// frontWithin bounds what is waited for a front that has more to say about a
// mesh; what the controller says is there without it.
const frontWithin = 5 * time.Second

// askFront adds what a front of the mesh says of the queues.
func (m *clusterMesh) askFront(ctx context.Context, on *cluster.Cluster) error {
	if len(m.Functions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, frontWithin)
	defer cancel()
	st, err := queuesOf(ctx, on, m.Mesh)
	if err != nil {
		return err
	}
	for i := range m.Functions {
		for _, f := range st.Functions {
			if f.Name == m.Functions[i].Name && !f.Unknown {
				m.Functions[i].Queue = &clusterQueue{f.Queued, f.InFlight, f.DeadLetters}
			}
		}
	}
	return untold(st)
}

// untold says of which queues the broker told the front nothing in time, though
// it reaches it.
func untold(st adminapi.Status) error {
	var names []string
	for _, f := range st.Functions {
		if f.Unknown {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("the broker of %s does not tell at present what waits for %s", st.Mesh, strings.Join(names, ", "))
}

// queuesOf asks a front of the mesh what its queues hold.
func queuesOf(ctx context.Context, on *cluster.Cluster, name string) (st adminapi.Status, err error) {
	err = withFront(ctx, on, name, func(client *adminapi.Client) (err error) {
		st, err = client.Status(ctx)
		return err
	})
	if err == nil {
		err = counted(st)
	}
	return st, err
}

// counted says why what a front tells of queues is not to be believed: where its
// broker is away it counts nothing, in all of them. Kubernetes notices some
// seconds later that such a front is not ready.
func counted(st adminapi.Status) error {
	if st.Ready {
		return nil
	}
	return fmt.Errorf("the front of %s does not reach its broker at present", st.Mesh)
}

// functionOf returns the name of a function as the mesh writes it.
func functionOf(fm *v1beta1.FunctionMesh, name string) (string, error) {
	names := make([]string, len(fm.Spec.Functions))
	for i, f := range fm.Spec.Functions {
		if f.Name == name || v1beta1.KubeName(f.Name) == name {
			return f.Name, nil
		}
		names[i] = f.Name
	}
	err := fmt.Errorf("mesh %s has no function %q", fm.Name, name)
	if near := mesh.Nearest(name, names); near != "" {
		return "", withHint(err, "did you mean: %s", near)
	}
	return "", withHint(err, "it has: %s", strings.Join(names, ", "))
}

func printClusterMesh(w io.Writer, m clusterMesh) error {
	fmt.Fprintf(w, "mesh %s (namespace %s): %s, %s functions ready, %s\n\n", m.Mesh, m.Namespace, m.state(), m.functionsReady(), plural(m.Links, "link"))
	t := newColumns(w, "FUNCTION", "READY", "REPLICAS", "QUEUED", "DEAD", "REVISION", "URL")
	for _, f := range m.Functions {
		queued, dead := "-", "-"
		if f.Queue != nil {
			queued, dead = strconv.Itoa(f.Queue.Queued), strconv.Itoa(f.Queue.DeadLetters)
		}
		t.row(f.Name, yesNo(f.Ready), f.Replicas, queued, dead, f.Revision, f.URL)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, f := range m.Functions {
		if why := whyNot(f); why != "" {
			fmt.Fprintf(w, "\n%s: %s\n", f.Name, multiLine(why))
		}
	}
	if !m.Ready {
		fmt.Fprintf(w, "\n%s: %s\n", m.Mesh, multiLine(m.Reason))
	}
	if len(m.Conditions) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t = newColumns(w, "CONDITION", "STATUS", "REASON", "MESSAGE")
	for _, c := range m.Conditions {
		t.row(c.Type, c.Status, c.Reason, shorten(c.Message, 80))
	}
	return t.flush()
}

func printClusterFunction(w io.Writer, f clusterFunction) error {
	t := newColumns(w, "FUNCTION", f.Name)
	t.row("ready", yesNo(f.Ready))
	if why := whyNot(f); why != "" {
		t.row("why not", why)
	}
	t.row("url", f.URL)
	t.row("replicas", f.Replicas)
	t.row("revision", f.Revision)
	if q := f.Queue; q != nil {
		t.row("queue", plural(q.Queued, "event"))
		t.row("in flight", q.InFlight)
		t.row("dead letters", q.DeadLetters)
	}
	return t.flush()
}

// whyNot says why a function is not ready; "" if it is.
func whyNot(f clusterFunction) string {
	switch {
	case f.Ready:
		return ""
	case f.Reason != "" && f.Message != "":
		return f.Reason + ": " + f.Message
	}
	return cmp.Or(f.Reason, f.Message, "not known")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
