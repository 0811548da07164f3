package scaffold

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/weftmesh/weft"
	"github.com/weftmesh/weft/builder/detect"
)

// modules are the go.mod and go.sum files of the modules that are written
// beside a handler: the runtime's, and one that only requires what hosts a
// handler of func. TestModules writes them, from Weft's own.
//
//go:embed modules
var modules embed.FS

const (
	weftModule = "github.com/weftmesh/weft"
	funcModule = "knative.dev/func-go"
)

// workspace is the go.work of a build.
type workspace struct {
	file *modfile.WorkFile
	// sums of the handler's own workspace.
	sums []byte
	// own says that the handler's modules bring Weft themselves.
	own, ownFunc bool
	// toolchain and language versions asked for.
	goVersion string
	goflags   string
	inputs    []string
}

// newWorkspace reads the handler's workspace and modules.
func newWorkspace(req Request) (*workspace, error) {
	w := &workspace{file: &modfile.WorkFile{Syntax: &modfile.FileSyntax{}}}
	w.goflags = withoutMod(lookup(req.Env, "GOFLAGS"))
	uses := []string{req.Module}
	work, err := findWork(req.Module, lookup(req.Env, "GOWORK"))
	if err != nil {
		return nil, err
	}
	if work != "" {
		more, err := w.adopt(work)
		if err != nil {
			return nil, err
		}
		uses = append(uses, more...)
	}
	slices.Sort(uses)
	for _, dir := range slices.Compact(uses) {
		if err := w.use(dir, work == "" && dir == req.Module); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// findWork is the go.work that is in force for a module, "" if there is none.
func findWork(module, setting string) (string, error) {
	switch setting {
	case "off":
		return "", nil
	case "":
	default:
		if !filepath.IsAbs(setting) {
			return "", fmt.Errorf("GOWORK=%s is not an absolute path: the go command wants one", setting)
		}
		return setting, nil
	}
	for dir := module; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		}
		if filepath.Dir(dir) == dir {
			return "", nil
		}
	}
}

// adopt takes over what the handler's own go.work says, and returns the
// modules that it uses.
func (w *workspace) adopt(file string) (uses []string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	theirs, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	for _, u := range theirs.Use {
		uses = append(uses, absolute(dir, u.Path))
	}
	for _, r := range theirs.Replace {
		target := r.New.Path
		if r.New.Version == "" {
			target = absolute(dir, target)
		}
		if err := w.file.AddReplace(r.Old.Path, r.Old.Version, target, r.New.Version); err != nil {
			return nil, err
		}
	}
	for _, g := range theirs.Godebug {
		if err := w.file.AddGodebug(g.Key, g.Value); err != nil {
			return nil, err
		}
	}
	if theirs.Go != nil {
		w.raise(theirs.Go.Version)
		if len(theirs.Godebug) == 0 {
			if err := w.file.AddGodebug("default", "go"+language(theirs.Go.Version)); err != nil {
				return nil, err
			}
		}
	}
	if theirs.Toolchain != nil {
		if err := w.file.AddToolchainStmt(theirs.Toolchain.Name); err != nil {
			return nil, err
		}
	}
	if w.sums, err = os.ReadFile(file + ".sum"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	w.inputs = append(w.inputs, file, file+".sum")
	return uses, nil
}

// use adds a module of the handler's. Of one without a workspace, alone is
// true, and its own go.mod has the say in what a go.work decides otherwise.
func (w *workspace) use(dir string, alone bool) error {
	file := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mod, err := modfile.ParseLax(file, data, nil)
	if err != nil {
		return err
	}
	if mod.Module == nil {
		return fmt.Errorf("%s: it names no module", file)
	}
	if err := w.file.AddUse(dir, ""); err != nil {
		return err
	}
	w.inputs = append(w.inputs, file)
	w.own = w.own || mod.Module.Mod.Path == weftModule
	for _, r := range mod.Require {
		w.own = w.own || r.Mod.Path == weftModule && !r.Indirect
		w.ownFunc = w.ownFunc || r.Mod.Path == funcModule
	}
	version := "1.16" // what the go command takes a go.mod without a go line for
	if mod.Go != nil {
		version = mod.Go.Version
	}
	w.raise(version)
	if !alone {
		return nil
	}
	if mod, err = modfile.Parse(file, data, nil); err != nil {
		return err
	}
	if mod.Toolchain != nil && mod.Toolchain.Name != "default" {
		if err := w.file.AddToolchainStmt(mod.Toolchain.Name); err != nil {
			return err
		}
	}
	byDefault := false
	for _, g := range mod.Godebug {
		byDefault = byDefault || g.Key == "default"
		if err := w.file.AddGodebug(g.Key, g.Value); err != nil {
			return err
		}
	}
	if byDefault {
		return nil
	}
	return w.file.AddGodebug("default", "go"+language(version))
}

// language is the version of the language in a version of Go.
func language(version string) string {
	return strings.TrimPrefix(semver.MajorMinor("v"+cutPre(version)), "v")
}

// raise asks for a version of Go, at least.
func (w *workspace) raise(version string) {
	if w.goVersion == "" || semver.Compare("v"+cutPre(version), "v"+cutPre(w.goVersion)) > 0 {
		w.goVersion = version
	}
}

// cutPre is a version of Go without "rc1" and its like, which semver writes
// otherwise.
func cutPre(v string) string {
	if i := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		return v[:i]
	}
	return v
}

// settle adds the modules that are written here, and the files of all.
func (w *workspace) settle(req Request, files map[string][]byte, overlay map[string]string) error {
	add := func(name string) error {
		for _, f := range []string{"go.mod", "go.sum"} {
			content, err := modules.ReadFile("modules/" + name + "/" + f + ".txt")
			if err != nil {
				return err
			}
			files[filepath.Join(name, f)] = content
		}
		mod, err := modfile.ParseLax("go.mod", files[filepath.Join(name, "go.mod")], nil)
		if err != nil {
			return err
		}
		w.raise(mod.Go.Version)
		return w.file.AddUse("./"+name, "")
	}
	if !w.own {
		if err := add("weft"); err != nil {
			return err
		}
		if err := runtimeFiles(files); err != nil {
			return err
		}
	}
	if req.Handler.Kind == detect.Func && !w.ownFunc {
		if err := add("func"); err != nil {
			return err
		}
	}
	if err := w.file.AddGoStmt(cmp.Or(w.goVersion, "1.21")); err != nil {
		return err
	}
	w.file.SortBlocks()
	w.file.Cleanup()
	files["go.work"] = modfile.Format(w.file.Syntax)
	return w.sumFile(req.Dir, files)
}

// sumFile keeps the sums that the go command has added to those of the
// handler's own workspace.
func (w *workspace) sumFile(dir string, files map[string][]byte) error {
	have, err := os.ReadFile(filepath.Join(dir, "go.work.sum"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := map[string]bool{}
	for line := range bytes.Lines(have) {
		known[string(line)] = true
	}
	for line := range bytes.Lines(w.sums) {
		if !known[string(line)] {
			have = append(have, line...)
		}
	}
	if len(have) > 0 {
		files["go.work.sum"] = have
	}
	return nil
}

// runtimeFiles adds the runtime's source, without tests.
func runtimeFiles(files map[string][]byte) error {
	return fs.WalkDir(weft.Runtime, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := weft.Runtime.ReadFile(path)
		files[filepath.Join("weft", filepath.FromSlash(path))] = content
		return err
	})
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// withoutMod is a GOFLAGS without what a workspace does not take.
func withoutMod(goflags string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(goflags), func(f string) bool {
		f = "-" + strings.TrimLeft(f, "-")
		return strings.HasPrefix(f, "-mod=") || strings.HasPrefix(f, "-modfile=")
	}), " ")
}

// lookup finds a variable in an environment; the last one of a name holds.
func lookup(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}
