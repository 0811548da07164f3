package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/mesh/graph"
)

func (a *app) graphCmd() *cobra.Command {
	var (
		flags  meshFlags
		format string
	)
	c := &cobra.Command{
		Use:   "graph",
		Short: "Draw the functions and links of a mesh.",
		Long: `Draw the functions and links of a mesh: as Mermaid, which Markdown shows, in the
language of Graphviz, or as a picture.`,
		Example: `weft graph
weft graph -o svg > mesh.svg
weft graph -o dot | dot -Tpdf > mesh.pdf`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf(c, "-o", format, "mermaid", "dot", "svg"); err != nil {
				return err
			}
			bundle, err := a.load(flags)
			if err != nil {
				return err
			}
			draw := graph.Mermaid
			switch format {
			case "dot":
				draw = graph.DOT
			case "svg":
				draw = graph.SVG
			}
			_, err = fmt.Fprint(a.Out, draw(bundle.Plan))
			return err
		},
	}
	flags.add(c)
	c.Flags().StringVarP(&format, "output", "o", "mermaid", "`FORMAT`: mermaid, dot or svg")
	complete(c, "output", "mermaid", "dot", "svg")
	return c
}
