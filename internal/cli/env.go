package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) envCmd() *cobra.Command {
	var (
		engine engineFlags
		out    outputFlag
	)
	c := &cobra.Command{
		Use:   "env FUNCTION",
		Short: "Print the environment that a function runs in, for running it by hand.",
		Long: `Print the environment that a function of the running mesh is given: the
variables of the mesh file with their references resolved, where to send events,
and where the Dapr API is with the function's own token. Secrets are among them.
PORT and K_REVISION are not: they are each process's own.

With url: in the mesh, or under a debugger of your own, a function runs outside
the engine and still needs these.`,
		Example: `eval "$(weft env validateInventory)"; PORT=8081 go run ./functions/validate-inventory
weft env validateInventory -o json`,
		Args: exactArgs("a FUNCTION"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				env, err := client.Environment(c.Context(), args[0])
				if err != nil {
					return err
				}
				return out.print(a.Out, env, func(w io.Writer) error { return printEnvironment(w, env) })
			})
		},
		ValidArgsFunction: engine.completeFunctions(1),
	}
	engine.add(c)
	out.add(c)
	return c
}

// printEnvironment writes lines that a POSIX shell can evaluate.
func printEnvironment(w io.Writer, env adminapi.Environment) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if _, err := fmt.Fprintf(w, "export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`)); err != nil {
			return err
		}
	}
	return nil
}
