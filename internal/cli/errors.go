package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weftmesh/weft/mesh"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errReported ends a command that has already said what is wrong.
var errReported = errors.New("already reported")

// hintError is an error with what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

// withHint adds to err what to do about it.
func withHint(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// usageError is a command line that makes no sense.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// badUsage is an error that ends with exit code 2 and points at the help of c.
func badUsage(c *cobra.Command, format string, args ...any) error {
	return &usageError{withHint(fmt.Errorf(format, args...), "see: %s --help", c.CommandPath())}
}

// report prints err and returns the exit code. A program is told about its
// mistakes in one or two lines; never a stack, never the usage text.
func (a *app) report(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(a.Err, "weft: interrupted\n")
		return exitFailed
	}
	fmt.Fprintf(a.Err, "weft: %s\n", strings.TrimSpace(err.Error()))
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		fmt.Fprintf(a.Err, "  hint: %s\n", strings.ReplaceAll(hinted.Hint(), "\n", "\n  "))
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// subcommand is the name of c without the program's: "dlq edit".
func subcommand(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()+" ")
}

// unknown says that a command or flag does not exist, and which one is meant.
func unknown(kind, name string, c, parent *cobra.Command) error {
	var names []string
	for _, sub := range parent.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	err := fmt.Errorf("unknown %s %q for %q", kind, name, c.CommandPath())
	if near := mesh.Nearest(name, names); near != "" {
		return &usageError{withHint(err, "did you mean: %s %s", parent.CommandPath(), near)}
	}
	return &usageError{withHint(err, "see: %s --help", parent.CommandPath())}
}

// flagError is what cobra calls for every fault of a flag.
func flagError(c *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return badUsage(c, "%w", err)
	}
	name := missing.GetSpecifiedName()
	dashes := "--"
	if missing.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	err = fmt.Errorf("unknown flag %s%s for %q", dashes, name, c.CommandPath())
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	if near := mesh.Nearest(name, names); near != "" && dashes == "--" {
		return &usageError{withHint(err, "did you mean: --%s", near)}
	}
	return badUsage(c, "%w", err)
}

// The following check the number of arguments, naming what is missing.

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return badUsage(c, "%s takes no argument, got %q", subcommand(c), args[0])
	}
	return nil
}

// exactArgs wants one argument for each name.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return badUsage(c, "%s needs %s", subcommand(c), names[len(args)])
		}
		if len(args) > len(names) {
			return badUsage(c, "%s takes no argument after %s, got %q", subcommand(c), names[len(names)-1], args[len(names)])
		}
		return nil
	}
}

// atMostOne takes no argument or the one that is named.
func atMostOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return badUsage(c, "%s takes no argument after %s, got %q", subcommand(c), name, args[1])
		}
		return nil
	}
}

// oneOf says that value is none of those that a flag takes.
func oneOf(c *cobra.Command, flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return badUsage(c, "%s is %q: must be %s", flag, value, list(values))
}

// list gives "a, b or c".
func list(values []string) string {
	if len(values) < 2 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}
