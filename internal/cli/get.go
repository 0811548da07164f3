package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh"
)

func (a *app) getCmd() *cobra.Command {
	var (
		engine engineFlags
		out    outputFlag
	)
	c := &cobra.Command{
		Use:   "get [FUNCTION]",
		Short: "List the functions and links of the running mesh.",
		Long: `List the functions and links of the running mesh, or tell all about one
function: its state and why, its processes, routes, queue and links.

With --cluster, tell what the controller says of the mesh on a cluster and of
its functions, and why one is not ready. Where there is no mesh file, list the
meshes of the namespace.`,
		Example: `weft get
weft get validateInventory
weft get -o json | jq '.functions[].state'
weft get --cluster -n shop`,
		Args: atMostOne("FUNCTION"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			if engine.remote.use {
				return a.getFromCluster(c.Context(), engine, out, args)
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				status, err := client.Status(c.Context())
				if err != nil {
					return err
				}
				if len(args) == 0 {
					return out.print(a.Out, status, func(w io.Writer) error { return printStatus(w, status) })
				}
				f, err := findFunction(status, args[0])
				if err != nil {
					return err
				}
				return out.print(a.Out, f, func(w io.Writer) error { return printFunction(w, f, status.Links) })
			})
		},
		ValidArgsFunction: engine.completeFunctions(1),
	}
	engine.addWithCluster(c)
	out.add(c)
	return c
}

// findFunction returns the function of that name, as written or in kebab-case
// as its routes have it.
func findFunction(s adminapi.Status, name string) (adminapi.Function, error) {
	names := make([]string, len(s.Functions))
	for i, f := range s.Functions {
		if f.Name == name || v1beta1.KubeName(f.Name) == name {
			return f, nil
		}
		names[i] = f.Name
	}
	err := fmt.Errorf("mesh %s has no function %q", s.Mesh, name)
	if near := mesh.Nearest(name, names); near != "" {
		return adminapi.Function{}, withHint(err, "did you mean: %s", near)
	}
	return adminapi.Function{}, withHint(err, "it has: %s", strings.Join(names, ", "))
}

func printStatus(w io.Writer, s adminapi.Status) error {
	state := "ready"
	if !s.Ready {
		state = "not ready"
	}
	fmt.Fprintf(w, "mesh %s (namespace %s): %s, up %s, queues %s, engine %.0f MB\n\n",
		s.Mesh, s.Namespace, state, s.Uptime, synced(s.Sync), s.MemoryMB)
	t := newColumns(w, "FUNCTION", "STATE", "REPLICAS", "QUEUED", "DEAD", "BREAKER", "CALLS", "ERRORS", "P95", "ROUTES")
	for _, f := range s.Functions {
		t.row(f.Name, f.State, replicas(f), f.Queued, f.DeadLetters, f.Breaker,
			f.Invocations, f.Errors, millis(f.P95ms), strings.Join(f.Routes, ", "))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, f := range s.Functions {
		if f.Reason != "" {
			fmt.Fprintf(w, "\n%s: %s\n", f.Name, strings.TrimSpace(f.Reason))
		}
	}
	if len(s.Links) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printLinks(w, s.Links)
}

func printLinks(w io.Writer, links []adminapi.Link) error {
	t := newColumns(w, "FROM", "TO", "CONDITION", "ROUTED", "ACTIVE")
	for _, l := range links {
		t.row(l.From, l.To, l.Condition, l.Routed, l.Active)
	}
	return t.flush()
}

// replicas gives "2 (0..10)": those that run, and the bounds.
func replicas(f adminapi.Function) string {
	return fmt.Sprintf("%d (%d..%d)", len(f.Replicas), f.Min, f.Max)
}

func printFunction(w io.Writer, f adminapi.Function, links []adminapi.Link) error {
	t := newColumns(w, "FUNCTION", f.Name)
	t.row("state", f.State)
	if f.Reason != "" {
		t.row("reason", f.Reason)
	}
	t.row("source", f.Source)
	t.row("revision", f.Revision)
	t.row("routes", strings.Join(f.Routes, ", "))
	t.row("replicas", replicas(f))
	t.row("in flight", f.InFlight)
	t.row("queue", fmt.Sprintf("%d events: %d waiting, %d retrying", f.Queued, f.Waiting, f.Retrying))
	t.row("dead letters", f.DeadLetters)
	t.row("breaker", f.Breaker)
	t.row("calls", fmt.Sprintf("%d, %d failed, %.1f/s", f.Invocations, f.Errors, f.PerSecond))
	t.row("times", fmt.Sprintf("p50 %s, p95 %s, %d cold starts", millis(f.P50ms), millis(f.P95ms), f.ColdStarts))
	if err := t.flush(); err != nil {
		return err
	}
	if len(f.Replicas) > 0 {
		fmt.Fprintln(w)
		t := newColumns(w, "PID", "STATE", "ADDRESS", "IN FLIGHT", "MEMORY", "RESTARTS", "SINCE")
		for _, r := range f.Replicas {
			t.row(r.PID, r.State, r.URL, r.InFlight, fmt.Sprintf("%.1f MB", r.MemoryMB), r.Restarts, r.Started.Local().Format(time.TimeOnly))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	var own []adminapi.Link
	for _, l := range links {
		if l.From == f.Name || l.To == f.Name {
			own = append(own, l)
		}
	}
	if len(own) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printLinks(w, own)
}
