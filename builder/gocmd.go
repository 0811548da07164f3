package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// gopackage is what `go list -json` says of a package; it documents the
// fields.
type gopackage struct {
	Dir, ImportPath, Name    string
	Standard                 bool
	Module                   *gomodule
	GoFiles, CgoFiles        []string
	CFiles, CXXFiles, HFiles []string
	SFiles, SysoFiles        []string
	EmbedFiles               []string
	Deps                     []string
	Error                    *goerror
	DepsErrors               []*goerror
}

type gomodule struct {
	Path, Version, Dir, GoMod string
	Main                      bool
	Replace                   *gomodule
}

type goerror struct {
	ImportStack []string
	Pos, Err    string
}

// listing is the packages that targets are made from.
type listing struct {
	byPath map[string]*gopackage
	// failed is what the go command said if it could list nothing.
	failed string
}

// list asks the go command what targets are made from. Packages that do not
// load are part of the answer.
func list(ctx context.Context, overlay []string, targets []*target) (listing, error) {
	args := []string{"list", "-e", "-deps", "-json=Dir,ImportPath,Name,Standard,Module,GoFiles,CgoFiles,CFiles,CXXFiles,HFiles,SFiles,SysoFiles,EmbedFiles,Deps,Error,DepsErrors"}
	args = slices.Concat(args, targets[0].scaffold.Flags, overlay)
	if targets[0].req.Race {
		args = append(args, "-race")
	}
	return read(targets[0].run(ctx, args, targets))
}

// read takes what go list has written.
func read(stdout, stderr []byte, err error) (listing, error) {
	packages := listing{byPath: make(map[string]*gopackage)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && len(stderr) > 0:
		packages.failed = strings.TrimSpace(string(stderr))
		return packages, nil
	case err != nil:
		return packages, fmt.Errorf("go list: %w", err)
	}
	for dec := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var p gopackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return packages, fmt.Errorf("go list: read its answer: %w", err)
		}
		packages.byPath[p.ImportPath] = &p
	}
}

// of returns the target's own package, nil if it was not listed.
func (l listing) of(t *target) *gopackage {
	return l.at(t.main())
}

func (l listing) at(dir string) *gopackage {
	for _, p := range l.byPath {
		if p.Dir == dir {
			return p
		}
	}
	return nil
}

// deps returns the import paths that the target is made from, its own too.
func (l listing) deps(t *target) []string {
	p := l.of(t)
	if p == nil {
		return nil
	}
	return append(slices.Clone(p.Deps), p.ImportPath)
}

// check returns what keeps a target from being compiled.
func (l listing) check(t *target, root string) error {
	p := l.of(t)
	lines := p.faults()
	switch {
	case p == nil:
		return nil // the compiler has a better word for it
	case len(lines) > 0:
		return t.compileError(lines, root)
	case p.Name != "main":
		return &SourceError{Function: t.req.Function, Dir: t.shown,
			Reason: fmt.Sprintf("it is package %s, not a main package", p.Name),
			Hint:   "name it `package main` with a main function that ends in fn.Main()"}
	}
	return nil
}

// faults are what keeps a package and those that it imports from being loaded.
func (p *gopackage) faults() (lines []string) {
	if p == nil {
		return nil
	}
	for _, e := range append([]*goerror{p.Error}, p.DepsErrors...) {
		if e == nil {
			continue
		}
		line := e.Err
		if e.Pos != "" {
			line = e.Pos + ": " + line
		}
		for part := range strings.SplitSeq(strings.TrimSpace(line), "\n") {
			lines = append(lines, part)
		}
	}
	return lines
}

// buildReport is what `go build -json` said.
type buildReport struct {
	failed bool
	// output by import path; under "" what belongs to none.
	output map[string]string
}

// compile builds targets into the stage.
func compile(ctx context.Context, stage string, overlay []string, targets []*target) (buildReport, error) {
	t := targets[0]
	out := stage + string(filepath.Separator)
	if len(targets) == 1 {
		out = filepath.Join(stage, t.built())
	}
	args := slices.Concat([]string{"build", "-json", "-o", out}, t.flags, t.scaffold.Flags, overlay, t.scaffold.CompileFlags)
	for _, o := range targets {
		args = append(args, o.scaffold.MainFlags...)
	}
	stdout, stderr, err := t.run(ctx, args, targets)
	report := buildReport{failed: err != nil, output: map[string]string{}}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return report, errors.Join(ctx.Err(), err)
	}
	for line := range bytes.Lines(append(stdout, stderr...)) {
		var e struct{ ImportPath, Action, Output string }
		if json.Unmarshal(line, &e) != nil || e.Action == "" {
			e.Output, e.ImportPath = string(line), ""
		}
		report.output[e.ImportPath] += e.Output
	}
	return report, nil
}

// of returns the lines about the packages and about none in particular.
func (r buildReport) of(packages []string) []string {
	var lines []string
	for _, p := range append(slices.Clone(packages), "") {
		for line := range strings.Lines(r.output[p]) {
			if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "# ") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// run starts the go command in the module of the targets, on their packages.
func (t *target) run(ctx context.Context, args []string, targets []*target) (stdout, stderr []byte, err error) {
	for _, o := range targets {
		args = append(args, o.pattern())
	}
	return t.start(ctx, slices.Concat(t.env, t.scaffold.Env), args)
}

// start starts the go command in the module and waits for it.
func (t *target) start(ctx context.Context, env, args []string) (stdout, stderr []byte, err error) {
	var bout, berr bytes.Buffer
	cmd := exec.CommandContext(ctx, t.tool.path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.module, env, &bout, &berr
	endWithContext(cmd)
	err = cmd.Run()
	return bout.Bytes(), berr.Bytes(), err
}
