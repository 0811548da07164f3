package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/cli/project"
	"github.com/weftmesh/weft/internal/version"
)

func (a *app) newCmd() *cobra.Command {
	var template, checkout string
	c := &cobra.Command{
		Use:   "new NAME|DIR",
		Short: "Start a project: a mesh, its functions and their tests.",
		Long: `Start a project in a new or empty directory: a mesh, its functions in Go, their
tests, and what an editor needs to check the mesh. It runs at once.

A development build of weft has no published module; the project then refers to
the checkout that weft was built from, or to that of --weft.`,
		Example: `weft new shop && cd shop && go test ./... && weft up
weft new hello --template hello`,
		Args: exactArgs("the NAME or DIR of the project"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf(c, "--template", template, project.Templates()...); err != nil {
				return err
			}
			name, err := projectName(args[0])
			if err != nil {
				return badUsage(c, "%w", err)
			}
			p := project.Project{Dir: args[0], Name: name, Template: template}
			if err := weftModule(&p, checkout); err != nil {
				return err
			}
			if err := emptyDir(p.Dir); err != nil {
				return err
			}
			files, err := p.Write()
			if err != nil {
				return fmt.Errorf("write the project: %w", err)
			}
			for _, f := range files {
				fmt.Fprintf(a.Out, "  %s\n", filepath.Join(p.Dir, f))
			}
			if err := p.Tidy(c.Context()); err != nil {
				return withHint(fmt.Errorf("the project is written, but its dependencies are not complete: %w", err),
					"with a network: cd %s && go mod tidy", quoted(p.Dir))
			}
			fmt.Fprintf(a.Out, "\n%s is ready; next:\n  cd %s\n  go test ./...\n  %s up\n", name, quoted(p.Dir), a.name)
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
	}
	c.Flags().StringVar(&template, "template", "order", "`NAME` of the template: order (three functions, linked) or hello (one function)")
	c.Flags().StringVar(&checkout, "weft", "", "`DIR` of a checkout of weft that the project builds with")
	complete(c, "template", project.Templates()...)
	return c
}

// projectName makes the name of the mesh, a DNS label, from the name of the
// directory.
func projectName(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	base := filepath.Base(abs)
	name := v1beta1.KubeName(strings.NewReplacer(" ", "-", ".", "-").Replace(base))
	valid := name != "" && len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && name[0] > '9'
	if !valid {
		return "", fmt.Errorf("%q cannot name a mesh: use letters, digits and dashes, a letter first, at most 40", base)
	}
	return name, nil
}

// weftModule says where the project finds Weft's module.
func weftModule(p *project.Project, checkout string) error {
	switch info := version.Get(); {
	case checkout != "":
		if !version.IsCheckout(checkout) {
			return withHint(fmt.Errorf("--weft: %s holds no module %s", checkout, version.Module), "name the directory that holds weft's go.mod")
		}
		p.Checkout = checkout
	case info.Released():
		p.Version = info.Version
	case version.Checkout() != "":
		p.Checkout = version.Checkout()
	default:
		return withHint(errors.New("this is a development build of weft, and the checkout it was built from is not on this machine"),
			"name a checkout: weft new %s --weft DIR", quoted(p.Dir))
	}
	var err error
	if p.Checkout != "" {
		p.Checkout, err = filepath.Abs(p.Checkout)
	}
	return err
}

// emptyDir refuses a directory that holds anything.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return withHint(fmt.Errorf("%s is not empty: it holds %s", dir, entries[0].Name()), "name a new directory")
	}
	return nil
}
