package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/weftmesh/weft/builder/scaffold"
)

// target is a Request whose directory and module are known.
type target struct {
	req Request
	// tool is the go command.
	tool *toolchain
	// dir is the source directory and module the directory of its go.mod,
	// both without symbolic links.
	dir, module string
	// shown is dir as people know it: from the root, if it lies below.
	shown string
	// flags and env of the go command; key names both and the toolchain.
	flags, env []string
	key        string
	// scaffold is what hosts a handler; its zero value is that of a program.
	scaffold scaffold.Build
	// handler is where a handler stands.
	handler string
	// completed says that there is all that hosts one.
	completed bool
	err       error
}

func newTarget(root string, req Request, tool *toolchain) (*target, error) {
	dir := req.Dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, dir)
	}
	t := &target{req: req, tool: tool, shown: req.Dir}
	for _, d := range []string{dir, resolved(dir)} {
		if rel, err := filepath.Rel(root, d); err == nil && filepath.IsLocal(rel) {
			t.shown = rel
			break
		}
	}
	wrong := func(reason, hint string) error {
		return &SourceError{Function: req.Function, Dir: t.shown, Reason: reason, Hint: hint}
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("the directory does not exist", "create it, or set the function's source")
	case err != nil:
		return nil, wrong(err.Error(), "make the directory readable")
	case !info.IsDir():
		return nil, wrong("it is not a directory", "set the function's source to the directory that holds its main package")
	}
	t.dir = resolved(dir)
	if !hasGoFiles(t.dir) {
		return nil, wrong("there are no Go files in it", "write a main package there, or give the function a command")
	}
	if t.module = moduleOf(t.dir); t.module == "" && t.dir != dir {
		return nil, wrong("it is a symbolic link to "+t.dir+", and there is no go.mod there or above", "run `go mod init` there: the go command reads a package where it really is")
	}
	if t.module == "" {
		return nil, wrong("there is no go.mod in it or above it", "run `go mod init` in the project's directory")
	}
	if rel, err := filepath.Rel(t.module, t.dir); err == nil && rel != "." {
		if err := module.CheckImportPath("example.com/" + filepath.ToSlash(rel)); err != nil {
			e, _ := errors.AsType[*module.InvalidPathError](err)
			return nil, wrong(fmt.Sprintf("%s cannot be part of an import path (%v)", rel, e.Err), "rename it: Go takes letters and digits of ASCII and -._~")
		}
	}
	if tool.path == "" {
		return nil, wrong("there is no go command in PATH", "install Go from https://go.dev/dl, or give the function a command or url")
	}
	t.settle()
	return t, nil
}

// settle works out flags and environment of the go command.
func (t *target) settle() {
	env := t.req.Env
	if env == nil {
		env = os.Environ()
	}
	t.env = slices.Clone(env)
	if _, ok := lookup(env, "CGO_ENABLED"); !ok {
		cgo := "CGO_ENABLED=0"
		if t.req.Race {
			cgo = "CGO_ENABLED=1" // the race detector is linked by cgo
		}
		t.env = append(t.env, cgo)
	}
	goflags, ok := lookup(env, "GOFLAGS")
	if !ok {
		goflags, _ = lookup(strings.Split(string(settings(env)), "\n"), "GOFLAGS")
		t.env = append(t.env, "GOFLAGS="+goflags)
	}
	// The state of the repository is no input of the code, and asking for it
	// takes as long as a link.
	t.flags = []string{"-buildvcs=false"}
	if t.req.Debug {
		// Full paths: a debugger looks for the sources.
		t.flags = append(t.flags, "-gcflags=all="+t.gcflags())
	} else {
		t.flags = append(t.flags, "-trimpath")
		if !strings.Contains(goflags, "-ldflags") {
			// Without symbols and DWARF linking takes two thirds of the
			// time; stack traces and profiles do not need them.
			t.flags = append(t.flags, "-ldflags=-s -w")
		}
	}
	if t.req.Race {
		t.flags = append(t.flags, "-race")
	}
	t.key = t.tool.key(t.flags, t.env)
}

// gcflags are the compiler's for a debugger; none else.
func (t *target) gcflags() string {
	if t.req.Debug {
		return "-N -l"
	}
	return ""
}

// groupable says whether the binary is sure to be named like the directory,
// so that one go invocation can write it beside others.
func (t *target) groupable() bool {
	if t.hosted() {
		return !t.scaffold.Alone
	}
	return t.dir != t.module && !majorVersion.MatchString(filepath.Base(t.dir))
}

// hosted says whether it is a handler.
func (t *target) hosted() bool { return t.scaffold.Package != "" }

// built is what the binary is called in the stage.
func (t *target) built() string { return filepath.Base(t.main()) }

// majorVersion is a last path element that the go command leaves out of the
// name of a binary.
var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// pattern names the main package for a go command that runs in the module.
func (t *target) pattern() string { return t.within(t.main()) }

// source names the package of the request's directory so.
func (t *target) source() string { return t.within(t.dir) }

func (t *target) within(dir string) string {
	rel, err := filepath.Rel(t.module, dir)
	if err != nil || rel == "." {
		return "."
	}
	return "./" + filepath.ToSlash(rel)
}

// keep moves the binary from the stage to its place, which is named by its
// content, and stamps it.
func (t *target) keep(stage string, packages listing, report buildReport, began time.Time, root string) (string, error) {
	built := filepath.Join(stage, t.built())
	id, err := contentID(built)
	if errors.Is(err, fs.ErrNotExist) {
		return "", t.compileError(report.of(packages.deps(t)), root)
	}
	if err != nil {
		return "", fmt.Errorf("function %s: read its new binary: %w", t.req.Function, err)
	}
	dir := filepath.Join(resolved(t.req.Output), t.req.Name, id)
	binary := filepath.Join(dir, t.req.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("function %s: make room for its binary: %w", t.req.Function, err)
	}
	if err := os.Rename(built, binary); err != nil {
		return "", fmt.Errorf("function %s: keep its binary: %w", t.req.Function, err)
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // only the order of pruning hangs on it
	t.prune(dir)
	t.saveStamp(binary, packages.inputs(t), began)
	return binary, nil
}

// kept is the number of binaries of a function that stay, so that going back
// and forth does not link each time, and a debug build leaves the other be.
const kept = 4

// prune removes the oldest binaries. A process that runs one keeps it open.
func (t *target) prune(current string) {
	parent := filepath.Dir(current)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	type aged struct {
		path string
		time time.Time
	}
	var dirs []aged
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if info, err := e.Info(); err == nil && e.IsDir() && path != current {
			dirs = append(dirs, aged{path, info.ModTime()})
		}
	}
	slices.SortFunc(dirs, func(a, b aged) int { return b.time.Compare(a.time) })
	for i := kept - 1; i < len(dirs); i++ {
		_ = os.RemoveAll(dirs[i].path) // tried again at the next build
	}
}

func contentID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func hasGoFiles(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}

// moduleOf returns the nearest directory, dir or above, with a go.mod, or "".
func moduleOf(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// lookup finds a variable in an environment; the last one of a name holds.
func lookup(env []string, name string) (string, bool) {
	for _, kv := range slices.Backward(env) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}
