package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

func (a *app) validateCmd() *cobra.Command {
	var (
		flags meshFlags
		out   outputFlag
	)
	c := &cobra.Command{
		Use:   "validate [FILE...]",
		Short: "Check mesh files, and say where each fault is.",
		Long: `Check mesh files: every fault at once, one a line, with its place, field and
way out. Warnings are printed too; only errors make the exit code 1.`,
		Example: `weft validate
weft validate -f shop/mesh.yaml
weft validate samples/*/mesh.yaml -o json`,
		RunE: func(c *cobra.Command, files []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			if len(files) == 0 {
				files = []string{flags.path()}
			}
			problems := make(mesh.Problems, 0) // [] rather than null as JSON
			var fine []string
			for _, file := range files {
				bundle, found := source.Load(file, source.Options{Set: flags.set})
				problems = append(problems, found...)
				if bundle.Plan != nil {
					more := bundle.Place(append(components.Check(bundle.Plan), subscriptions.Check(bundle.Plan, bundle.Subscriptions)...))
					problems = append(problems, more...)
					if len(more.Errors()) > 0 {
						bundle.Plan = nil
					}
				}
				if p := bundle.Plan; p != nil {
					fine = append(fine, fmt.Sprintf("%s: ok, %s and %s", file, plural(len(p.Functions), "function"), plural(len(p.Links), "link")))
				}
			}
			err := out.print(a.Out, problems, func(w io.Writer) error {
				a.printProblems(problems)
				for _, line := range fine {
					fmt.Fprintln(w, line)
				}
				return nil
			})
			if err == nil && len(problems.Errors()) > 0 {
				return errReported
			}
			return err
		},
	}
	flags.add(c)
	out.add(c)
	return c
}

// printProblems writes problems one a line, and the sum of the errors.
func (a *app) printProblems(problems mesh.Problems) {
	for _, p := range problems {
		fmt.Fprintln(a.Err, p)
	}
	if n := len(problems.Errors()); n > 0 {
		fmt.Fprintf(a.Err, "weft: %s\n", plural(n, "fault"))
	}
}

// faults prints err as validate does if it is about a mesh.
func (a *app) faults(err error) error {
	var faults mesh.Faults
	if !errors.As(err, &faults) {
		return err
	}
	a.printProblems(mesh.Problems(faults))
	return errReported
}

// load reads the mesh of a command that needs one without faults; what is
// wrong has been printed when the error is errReported.
func (a *app) load(flags meshFlags) (*source.Bundle, error) {
	return a.loadAs(flags, source.Options{})
}

// loadForCluster is load without what is for one machine.
func (a *app) loadForCluster(flags meshFlags) (*source.Bundle, error) {
	return a.loadAs(flags, source.Options{Cluster: true})
}

func (a *app) loadAs(flags meshFlags, opts source.Options) (*source.Bundle, error) {
	opts.Set = flags.set
	bundle, problems := source.Load(flags.path(), opts)
	if bundle.Plan == nil {
		a.printProblems(problems)
		return nil, errReported
	}
	return bundle, nil
}
