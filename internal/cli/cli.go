// Package cli is the command line of Weft: a file per command, over the
// packages that do the work. Commands return errors; Main turns them into
// lines on stderr and an exit code: 0 done, 1 failed, 2 wrong usage.
package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// Stdio is what a command reads and writes.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line args, its first element being the name of the
// program, and returns the exit code.
func Main(ctx context.Context, args []string, stdio Stdio) int {
	a := &app{Stdio: stdio, name: displayName(args[0])}
	cobra.EnableCommandSorting = false // help lists commands in the order of their use
	root := a.root()
	root.SetArgs(args[1:])
	return a.report(root.ExecuteContext(ctx))
}

// app is one run of the command line.
type app struct {
	Stdio
	// name is how the program was called: weft, kn weft or kubectl weft.
	name string
}

// displayName tells from the program's file name how it was called: kn and
// kubectl find their plugins as kn-weft and kubectl-weft.
func displayName(arg0 string) string {
	switch filepath.Base(arg0) {
	case "kn-weft":
		return "kn weft"
	case "kubectl-weft":
		return "kubectl weft"
	}
	return "weft"
}

// The groups of commands, in the order of the help text.
const (
	groupAuthor  = "author"
	groupRun     = "run"
	groupObserve = "observe"
	groupOther   = "other"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:         "weft",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: a.name},
		Short:       "Run a mesh of functions from one file.",
		Long: `Run a mesh of functions from one file.

A FunctionMesh names functions, what triggers them and how they are linked;
weft checks it, draws it, and runs it on this machine with nothing else
installed.`,
		Example: `weft new shop && cd shop
weft up`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              a.unknownCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(a.help)
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, RunE: helpFor})
	root.PersistentFlags().BoolP("help", "h", false, "show help")
	if err := root.PersistentFlags().MarkHidden("help"); err != nil {
		panic(err) // the flag was defined one line above
	}
	root.AddGroup(
		&cobra.Group{ID: groupAuthor, Title: "Write a mesh:"},
		&cobra.Group{ID: groupRun, Title: "Run it:"},
		&cobra.Group{ID: groupObserve, Title: "See what it does:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupAuthor, a.newCmd(), a.validateCmd(), a.graphCmd(), a.schemaCmd())
	add(groupRun, a.upCmd(), a.buildCmd(), a.renderCmd(), a.deployCmd(), a.invokeCmd(), a.envCmd(), a.deleteCmd(), a.doctorCmd())
	add(groupObserve, a.getCmd(), a.topCmd(), a.logsCmd(), a.traceCmd(), a.dlqCmd())
	add(groupOther, a.completionCmd(), a.versionCmd())
	return root
}

// helpFor is "weft help COMMAND".
func helpFor(c *cobra.Command, args []string) error {
	target, rest, err := c.Root().Find(args)
	if err != nil {
		return unknown("command", args[0], c.Root(), c.Root())
	}
	if len(rest) > 0 && target.HasSubCommands() {
		return unknown("command", rest[0], target, target)
	}
	return target.Help()
}

// unknownCommand refuses arguments of a command that only groups others.
func (a *app) unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknown("command", args[0], c, c)
}

// colour says whether w is a terminal that wants colour (no-color.org).
func colour(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(w)
}
