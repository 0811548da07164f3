package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) completionCmd() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell.",
		Long: `Print the completion script of a shell: bash, zsh, fish or powershell.

Once it is loaded, the shell completes commands, flags, and the names of the
functions of a mesh.`,
		Example: `source <(weft completion bash)
weft completion zsh > "${fpath[1]}/_weft"
weft completion fish > ~/.config/fish/completions/weft.fish`,
		Args:      exactArgs("a shell: " + list(shells)),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf(c, "the shell", args[0], shells...); err != nil {
				return err
			}
			root := c.Root()
			switch strings.ToLower(args[0]) {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(a.Out)
			}
		},
	}
}
