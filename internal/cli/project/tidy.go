package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weftmesh/weft/internal/version"
)

// Tidy writes go.mod and go.sum. It asks the network for nothing that the
// module cache and the checkout of Weft already have.
func (p *Project) Tidy(ctx context.Context) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("there is no go command: install Go from https://go.dev/dl")
	}
	if err := p.writeMod(ctx); err != nil {
		return err
	}
	// Tidy gives the shortest go.mod, but wants the tests of all dependencies
	// as well, which a module cache need not have. List completes go.mod with
	// what the project itself needs.
	if p.goCommand(ctx, []string{"GOPROXY=off"}, "mod", "tidy") == nil {
		return nil
	}
	if err := p.writeMod(ctx); err != nil {
		return err
	}
	return p.goCommand(ctx, nil, "list", "-deps", "-test", "./...")
}

// writeMod writes a go.mod that requires Weft and, from a checkout, the sums
// that it knows.
func (p *Project) writeMod(ctx context.Context) error {
	required := p.Version
	if p.Checkout != "" {
		required = "v0.0.0"
	}
	mod := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %s %s\n", p.module(), goVersion, version.Module, required)
	if err := os.WriteFile(filepath.Join(p.Dir, "go.mod"), []byte(mod), 0o644); err != nil || p.Checkout == "" {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(p.Checkout, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "go.sum"), sums, 0o644); err != nil {
		return err
	}
	// The go command quotes a directory that needs it.
	return p.goCommand(ctx, nil, "mod", "edit", "-replace="+version.Module+"="+p.replacement())
}

// replacement is the directory of the checkout, relative for a project within
// it, so that both can be moved together.
func (p *Project) replacement() string {
	abs, err := filepath.Abs(p.Dir)
	if err != nil {
		return p.Checkout
	}
	rel, err := filepath.Rel(p.Checkout, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return p.Checkout
	}
	up, err := filepath.Rel(abs, p.Checkout)
	if err != nil {
		return p.Checkout
	}
	return up
}

// goCommand runs the go command in the project, whatever workspace or module
// flags are in force around it.
func (p *Project) goCommand(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), append([]string{"GOFLAGS=-mod=mod", "GOWORK=off"}, env...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return nil
}
