package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/version"
)

func (a *app) versionCmd() *cobra.Command {
	var out outputFlag
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print which build of weft this is.",
		Example: "weft version -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			info := version.Get()
			return out.print(a.Out, info, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "weft %s\n", info)
				return err
			})
		},
	}
	out.add(c)
	return c
}
