package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/weftmesh/weft"
	"github.com/weftmesh/weft/builder/detect"
)

// modules are go.mod and go.sum files: the runtime's, and those that require
// what hosts a kind of handler. TestModules writes them, from Weft's own.
//
//go:embed modules
var modules embed.FS

const (
	weftModule = "github.com/weftmesh/weft"
	// noVersion is what the go command calls a module that only a replace line
	// provides.
	noVersion = "v0.0.0-00010101000000-000000000000"
)

// mod is the go.mod of a build: the handler's own, with what hosts it.
type mod struct {
	req  Request
	file *modfile.File
	sums sums
	// path and language are the handler's module's.
	path, language string
	// whole says that the module's requirements do not name all that it needs
	// (before Go 1.17 they did not).
	whole bool
	// own says that the handler's modules bring Weft themselves.
	own bool
	// inputs are files that it is made of.
	inputs []string
	// runtime is where the runtime's source is laid; empty if it is not.
	runtime string
	// raised are modules of the handler that the runtime's have to be met with,
	// and their versions.
	raised map[string]string
	// laid are files that the overlay supplies.
	laid map[string][]byte
}

// newMod reads the handler's module, and its workspace if it has one.
func newMod(req Request) (*mod, error) {
	flags := goflags(lookup(req.Env, "GOFLAGS"))
	path := filepath.Join(req.Module, "go.mod")
	if alternative := flags.value("modfile"); alternative != "" {
		path = absolute(req.Module, alternative)
	}
	file, err := readMod(path)
	if err != nil {
		return nil, err
	}
	m := &mod{req: req, file: file, path: file.Module.Mod.Path, language: goVersion(file), inputs: []string{path}, laid: map[string][]byte{}}
	m.whole = semver.Compare("v"+m.language, "v1.17") < 0
	m.own = m.path == weftModule
	for _, r := range file.Require {
		m.own = m.own || r.Mod.Path == weftModule && !r.Indirect
	}
	if err := m.sums.read(strings.TrimSuffix(path, ".mod") + ".sum"); err != nil {
		return nil, err
	}
	if err := m.godebug(file.Godebug, m.language); err != nil {
		return nil, err
	}
	if !m.own {
		if m.raised, err = together(file); err != nil {
			return nil, err
		}
	}
	work, err := findWork(req.Module, lookup(req.Env, "GOWORK"))
	if err != nil {
		return nil, err
	}
	if work != "" {
		return m, m.workspace(work)
	}
	vendored := filepath.Join(req.Module, "vendor", "modules.txt")
	if mode := flags.value("mod"); mode == "vendor" || mode == "" && semver.Compare("v"+m.language, "v1.14") >= 0 {
		data, err := os.ReadFile(vendored)
		if err == nil {
			m.inputs = append(m.inputs, vendored)
			return m, m.vendor(data)
		}
		if mode == "vendor" && len(file.Require) > 0 {
			return nil, fmt.Errorf("%s: GOFLAGS has -mod=vendor, and there is no %s: run `go mod vendor`", path, filepath.Join("vendor", "modules.txt"))
		}
	}
	return m, nil
}

func readMod(path string) (*modfile.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := modfile.Parse(path, data, nil)
	if err != nil {
		return nil, err
	}
	if file.Module == nil {
		return nil, fmt.Errorf("%s: it names no module: add a line such as: module example.com/project", path)
	}
	return file, nil
}

// goVersion is the version of the language of a module. One that says none has
// that of the last Go before there was such a line.
func goVersion(file *modfile.File) string {
	if file.Go == nil {
		return "1.16"
	}
	return strings.TrimPrefix(semver.MajorMinor("v"+release(file.Go.Version)), "v")
}

// release is a version of Go without "rc1" and its like, which semver writes
// otherwise.
func release(v string) string {
	if i := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		return v[:i]
	}
	return v
}

// godebug keeps the settings that a program has by the version of its module,
// which this one's is above.
func (m *mod) godebug(set []*modfile.Godebug, version string) error {
	for _, g := range set {
		if g.Key == "default" {
			return nil
		}
	}
	return m.file.AddGodebug("default", "go"+version)
}

// settle adds what hosts the handler. It returns the packages that this needs.
func (m *mod) settle() (packages []string, err error) {
	packages = []string{weftModule + "/runtime/fn"}
	if !m.own {
		if err := m.file.AddRequire(weftModule, noVersion); err != nil {
			return nil, err
		}
		// The directory is the module's, as what a replace line names is
		// written into the program, which should be the same wherever it is
		// built.
		m.runtime = beside(m.req.Module, "weftruntime", "")
		if err := m.replace(weftModule, "", m.runtime); err != nil {
			return nil, err
		}
		if err := m.layRuntime(); err != nil {
			return nil, err
		}
	}
	for path, version := range m.raised {
		if err := m.file.AddRequire(path, version); err != nil {
			return nil, err
		}
	}
	version, err := m.needs("weft", false)
	if err != nil {
		return nil, err
	}
	switch host(m.req.Handler) {
	case "func":
		packages = append(packages, "knative.dev/func-go/"+map[detect.Form]string{detect.HTTP: "http", detect.CloudEvent: "cloudevents"}[m.req.Handler.Form])
		_, err = m.needs("func", true)
	case "typed":
		packages = append(packages, "github.com/GoogleCloudPlatform/functions-framework-go/functions")
		_, err = m.needs("framework", false)
	case "framework":
		packages = append(packages, "github.com/GoogleCloudPlatform/functions-framework-go/funcframework")
		_, err = m.needs("framework", false)
	case "openfunction":
		packages = append(packages, m.req.Handler.Framework+"/context")
	}
	if err != nil {
		return nil, err
	}
	if m.file.Go == nil || semver.Compare("v"+release(m.file.Go.Version), "v"+release(version)) < 0 {
		if err := m.file.AddGoStmt(version); err != nil {
			return nil, err
		}
	}
	m.file.SortBlocks()
	m.file.Cleanup()
	return packages, nil
}

// needs takes the sums of one of the modules and, if asked, its requirements.
// It returns its version of Go.
func (m *mod) needs(name string, require bool) (goVersion string, err error) {
	data, err := modules.ReadFile("modules/" + name + "/go.mod.txt")
	if err != nil {
		return "", err
	}
	theirs, err := modfile.Parse(name, data, nil)
	if err != nil {
		return "", err
	}
	sum, err := modules.ReadFile("modules/" + name + "/go.sum.txt")
	if err != nil {
		return "", err
	}
	m.sums.add(sum)
	if !require {
		return theirs.Go.Version, nil
	}
	have := map[string]string{}
	for _, r := range m.file.Require {
		have[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range theirs.Require {
		if semver.Compare(have[r.Mod.Path], r.Mod.Version) < 0 {
			if err := m.file.AddRequire(r.Mod.Path, r.Mod.Version); err != nil {
				return "", err
			}
		}
	}
	return theirs.Go.Version, nil
}

// hosting are the modules that what hosts the handler needs.
func (m *mod) hosting() (map[string]bool, error) {
	all := map[string]bool{}
	for _, name := range []string{"weft", "func", "framework"} {
		data, err := modules.ReadFile("modules/" + name + "/go.mod.txt")
		if err != nil {
			return nil, err
		}
		theirs, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		for _, r := range theirs.Require {
			if name == "weft" || name == host(m.req.Handler) {
				all[r.Mod.Path] = true
			}
		}
	}
	return all, nil
}

// replace has a module come from a directory, whatever its version.
func (m *mod) replace(path, version, dir string) error {
	for _, r := range slices.Clone(m.file.Replace) {
		if r.Old.Path == path {
			if err := m.file.DropReplace(r.Old.Path, r.Old.Version); err != nil {
				return err
			}
		}
	}
	return m.file.AddReplace(path, version, m.relative(dir), "")
}

// relative is a directory as a replace line names it.
func (m *mod) relative(dir string) string {
	rel, err := filepath.Rel(m.req.Module, dir)
	if err != nil {
		return dir
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	return rel
}

// flags are of the go command.
func (m *mod) flags(dir string) []string {
	flags := []string{"-modfile=" + filepath.Join(dir, "go.mod")}
	if goflags(lookup(m.req.Env, "GOFLAGS")).value("mod") == "mod" {
		return append(flags, "-mod=mod")
	}
	if _, err := os.Stat(filepath.Join(m.req.Module, "vendor")); err == nil {
		return append(flags, "-mod=readonly")
	}
	return flags // which is what the go command does, with better words
}

// sums are the lines of go.sum files.
type sums map[string]bool

func (s *sums) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.add(data)
	return nil
}

func (s *sums) add(data []byte) {
	if *s == nil {
		*s = sums{}
	}
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			(*s)[string(line)] = true
		}
	}
}

func (s sums) bytes() []byte {
	return []byte(strings.Join(slices.Sorted(maps.Keys(s)), "\n") + "\n")
}

// layRuntime lays the runtime's source, without tests, beside the handler's.
func (m *mod) layRuntime() error {
	goMod, err := modules.ReadFile("modules/weft/go.mod.txt")
	if err != nil {
		return err
	}
	m.laid[filepath.Join(m.runtime, "go.mod")] = goMod
	return fs.WalkDir(weft.Runtime, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := weft.Runtime.ReadFile(path)
		m.laid[filepath.Join(m.runtime, filepath.FromSlash(path))] = content
		return err
	})
}

func absolute(dir, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// goflags are the flags in a GOFLAGS.
type goflags string

// value is that of a flag, "" if it is not there.
func (g goflags) value(name string) (value string) {
	for f := range strings.FieldsSeq(string(g)) {
		if v, ok := strings.CutPrefix("-"+strings.TrimLeft(f, "-"), "-"+name+"="); ok {
			value = v
		}
	}
	return value
}

// without drops flags, as they are said otherwise.
func (g goflags) without(names ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(string(g)), func(f string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		return slices.Contains(names, name)
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
