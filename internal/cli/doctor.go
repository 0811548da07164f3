package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/doctor"
	"github.com/weftmesh/weft/internal/local"
)

func (a *app) doctorCmd() *cobra.Command {
	var (
		engine engineFlags
		out    outputFlag
		check  doctor.Machine
	)
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check what weft needs on this machine, or on a cluster.",
		Long: `Check what weft needs on this machine: the Go command and its caches, free
ports, the data directory, disk space, file descriptors, a debugger and the
mesh. What is missing is told with the way out.

With --cluster, check a Kubernetes cluster instead: its version, whether Knative
Serving, KEDA, Dapr and Weft's controller are there, run, and serve what meshes
need, and what the kubeconfig's user may do in the namespace.`,
		Example: "weft doctor\nweft doctor -f shop/mesh.yaml -o json\nweft doctor --cluster -n shop",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			if engine.remote.use {
				findings, err := examineCluster(c.Context(), engine.remote)
				if err != nil {
					return err
				}
				return a.diagnose(out, findings)
			}
			check.File, check.Set, check.Data = engine.mesh.path(), engine.mesh.set, engine.dir()
			check.Named = c.Flags().Changed("file")
			return a.diagnose(out, check.Examine(c.Context()))
		},
	}
	engine.mesh.add(c)
	engine.addData(c)
	engine.remote.addUse(c, "check a Kubernetes cluster")
	out.add(c)
	c.Flags().StringVar(&check.HTTP, "http", local.DefaultHTTP, "`ADDRESS` of the gateway")
	c.Flags().StringVar(&check.Admin, "admin", local.DefaultAdmin, "`ADDRESS` of metrics and admin API")
	alsoEnv(c, "http", "admin")
	return c
}

// diagnose prints findings; what must not be fails the command.
func (a *app) diagnose(out outputFlag, findings []doctor.Finding) error {
	err := out.print(a.Out, findings, func(w io.Writer) error { return printFindings(w, findings, colour(a.Out)) })
	if err == nil && doctor.Failed(findings) {
		return errReported
	}
	return err
}

func printFindings(w io.Writer, findings []doctor.Finding, colour bool) error {
	colours := map[doctor.Verdict]int{doctor.OK: 32, doctor.Warn: 33, doctor.Fail: 31}
	var b strings.Builder
	for _, f := range findings {
		verdict := fmt.Sprintf("%-5s", f.Verdict)
		if colour {
			verdict = paint(colours[f.Verdict], verdict)
		}
		fmt.Fprintf(&b, "%s %-12s %s\n", verdict, f.Check, strings.ReplaceAll(f.Message, "\n", "\n"+strings.Repeat(" ", 19)))
		if f.Hint != "" {
			fmt.Fprintf(&b, "%19s%s\n", "", f.Hint)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
