package cli

import (
	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/manifests"
)

func (a *app) schemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a mesh file.",
		Long: `Print the JSON Schema of a mesh file. An editor with a YAML language server
checks and completes a mesh whose first line names the schema:

  # yaml-language-server: $schema=./functionmesh.schema.json`,
		Example: "weft schema > functionmesh.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.Out.Write(manifests.Schema)
			return err
		},
	}
}
