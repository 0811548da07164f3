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
		Short: "Check what weft needs on this machine.",
		Long: `Check what weft needs on this machine: the Go command and its caches, free
ports, the data directory, disk space, file descriptors, a debugger and the
mesh. What is missing is told with the way out.`,
		Example: "weft doctor\nweft doctor -f shop/mesh.yaml -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			check.File, check.Set, check.Data = engine.mesh.path(), engine.mesh.set, engine.dir()
			check.Named = c.Flags().Changed("file")
			results := check.Examine(c.Context())
			err := out.print(a.Out, results, func(w io.Writer) error { return printFindings(w, results, colour(a.Out)) })
			if err == nil && doctor.Failed(results) {
				return errReported
			}
			return err
		},
	}
	engine.mesh.add(c)
	engine.addData(c)
	out.add(c)
	c.Flags().StringVar(&check.HTTP, "http", local.DefaultHTTP, "`ADDRESS` of the gateway")
	c.Flags().StringVar(&check.Admin, "admin", local.DefaultAdmin, "`ADDRESS` of metrics and admin API")
	alsoEnv(c, "http", "admin")
	return c
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
