package scaffold

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft"
	"github.com/weftmesh/weft/builder/detect"
)

// Request asks for the main of one handler.
type Request struct {
	// Dir is where the scaffold is written: an absolute directory of this
	// function's own, outside its source. It is made if it is not there.
	Dir string
	// Source is the directory of the handler's package, and Module that of its
	// go.mod, both absolute and without symbolic links.
	Source, Module string
	// Function is the name under which the handler is registered if
	// FUNCTION_TARGET does not say, and Name what the program is called, which
	// no other in Dir's parent is.
	Function, Name string
	Handler        detect.Handler
	// Env is the go command's, whose GOFLAGS and GOWORK count.
	Env []string
	// Gcflags are those of the build, which this package's would displace.
	Gcflags string
	// Key differs where flags or variables of the go command do.
	Key string
}

// Build says how the go command builds the program.
type Build struct {
	// Package is the directory of the main package; only the overlay has it.
	Package string
	// Laid are the directories that only the overlay has, Package among them.
	Laid []string
	// Modules is the directory of the go.mod, which builds share that need the
	// same. Those that share one can be built by one go command, with Join's
	// flag in place of Overlay, unless Alone says otherwise.
	Modules string
	Alone   bool
	// Flags and Overlay come before other flags of go build and go list,
	// CompileFlags only before those of go build, and MainFlags of all joined
	// builds after these, Env after the variables of Request.Env.
	Flags, CompileFlags, MainFlags, Env []string
	Overlay                             string
	// Files are what beside the handler's packages the program depends on:
	// go.mod files of its workspace.
	Files []string
	// mod and sum are go.mod and go.sum to begin with, and resolve the package
	// whose imports they must provide.
	mod, sum []byte
	resolve  string
	overlay  map[string]string
}

// baseFile holds the go.mod as it was written: the one that a build uses has
// been completed by the go command.
const baseFile = "base.mod"

// completing has one go.mod be completed at a time.
var completing sync.Mutex

// Complete completes the go.mod, unless that has been done. It has run start
// the go command with these arguments, in the handler's module.
func (b *Build) Complete(run func(args []string) error) error {
	completing.Lock()
	defer completing.Unlock()
	base := slices.Concat(b.mod, b.sum)
	baseAt := filepath.Join(b.Modules, baseFile)
	if was, err := os.ReadFile(baseAt); err == nil && bytes.Equal(was, base) {
		now := time.Now()
		_ = os.Chtimes(baseAt, now, now) // only sweeping hangs on it
		return nil
	}
	sweep(filepath.Dir(b.Modules))
	for name, content := range map[string][]byte{"go.mod": b.mod, "go.sum": b.sum} {
		if err := write(filepath.Join(b.Modules, name), content); err != nil {
			return fmt.Errorf("write what hosts it: %w", err)
		}
	}
	if err := run(append(b.completion(b.Overlay), b.resolve)); err != nil {
		return err
	}
	return write(baseAt, base)
}

// Widen completes the go.mod for all that the handlers import, too: modules
// that they share with the runtime may need others in the higher version. The
// overlay is Join's; run adds the packages.
func (b *Build) Widen(overlay string, run func(args []string) error) error {
	completing.Lock()
	defer completing.Unlock()
	return run(b.completion(overlay))
}

// completion are the arguments by which the go command completes the go.mod.
func (b *Build) completion(overlay string) []string {
	return slices.Concat([]string{"list"}, b.Flags, []string{overlay, "-mod=mod", "-deps", "-f={{with .Error}}{{.}}{{end}}"})
}

// unused is how long the go.mod of a build stays that no other has needed
// since, and modulesPrefix begins the name of its directory.
const (
	unused        = 24 * time.Hour
	modulesPrefix = ".mod-"
)

// sweep removes what has not been used for long.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, modulesPrefix+"*", baseFile)) // the pattern is sound
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.RemoveAll(filepath.Dir(path)) // tried again next time
		}
	}
}

// Join writes the overlay of several builds into dir, and returns the flag.
func Join(dir string, builds ...*Build) (flag string, err error) {
	if len(builds) == 1 {
		return builds[0].Overlay, nil
	}
	all := map[string]string{}
	for _, b := range builds {
		maps.Copy(all, b.overlay)
	}
	content, err := overlayFile(all)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return "-overlay=" + path, write(path, content)
}

func overlayFile(replace map[string]string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
}

// Write writes the scaffold. Files that would not change are left alone, so
// that the go command's cache holds. Errors name what of the handler's module
// cannot be honoured.
func Write(req Request) (*Build, error) {
	b := &Build{Package: beside(req.Source, "weftmain-"+req.Name, "")}
	m, err := newMod(req)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	packages, err := m.settle()
	if err != nil {
		return nil, err
	}
	laid, err := mainFiles(req, m.path, b.Package)
	if err != nil {
		return nil, err
	}
	// What is laid into the handler's package would be seen by another program
	// that imports it, and change that.
	b.Alone = len(laid) > 1
	maps.Copy(laid, m.laid)
	b.resolve = b.Package
	if !m.whole {
		// A package with just the imports of what hosts the handler: that the
		// handler's own lack a module is for the build to say, and no reason to
		// look for one.
		b.resolve = beside(req.Module, "weftneeds", "")
		b.Laid = append(b.Laid, b.resolve)
		laid[filepath.Join(b.resolve, "needs.go")] = imports(packages)
	}
	overlay := map[string]string{}
	for path, content := range laid {
		rel, err := filepath.Rel(req.Module, path)
		if err != nil {
			return nil, err
		}
		name := filepath.Join("laid", rel)
		files[name] = content
		overlay[path] = filepath.Join(req.Dir, name)
	}
	if files["overlay.json"], err = overlayFile(overlay); err != nil {
		return nil, err
	}
	if err := b.module(m, req); err != nil {
		return nil, err
	}
	for name, content := range files {
		if err := write(filepath.Join(req.Dir, name), content); err != nil {
			return nil, fmt.Errorf("write what hosts it: %w", err)
		}
	}
	b.Files, b.Laid = m.inputs, append(b.Laid, b.Package)
	if m.runtime != "" {
		b.Laid = append(b.Laid, m.runtime)
	}
	b.Flags, b.Overlay, b.overlay = m.flags(b.Modules), "-overlay="+filepath.Join(req.Dir, "overlay.json"), overlay
	b.Env = []string{"GOWORK=off", "GOFLAGS=" + goflags(lookup(req.Env, "GOFLAGS")).without("mod", "modfile", "overlay")}
	if goVersion(m.file) != m.language {
		// The handler's code keeps its version of the language; the main is in
		// this one's.
		b.CompileFlags = []string{"-gcflags=" + m.path + "/...=" + strings.TrimSpace(req.Gcflags+" -lang=go"+m.language)}
		rel, err := filepath.Rel(req.Module, b.Package)
		if err != nil {
			return nil, err
		}
		b.MainFlags = append(b.MainFlags, "-gcflags="+path.Join(m.path, filepath.ToSlash(rel))+"="+req.Gcflags)
	}
	return b, nil
}

// module settles go.mod and go.sum, and where they are.
func (b *Build) module(m *mod, req Request) (err error) {
	if b.mod, err = m.file.Format(); err != nil {
		return err
	}
	b.sum = m.sums.bytes()
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q\n%s%s", req.Module, req.Key, req.Gcflags, b.mod, b.sum)
	if m.whole {
		fmt.Fprintln(h, req.Name) // completed for this handler alone
	}
	b.Modules = filepath.Join(filepath.Dir(req.Dir), modulesPrefix+hex.EncodeToString(h.Sum(nil)[:8]))
	return nil
}

// imports is a package that only imports others.
func imports(packages []string) []byte {
	b := []byte("// Code generated by weft. DO NOT EDIT.\n\n// Package needs imports what hosts a handler.\npackage needs\n\nimport (\n")
	for _, p := range packages {
		b = fmt.Appendf(b, "\t_ %q\n", p)
	}
	return append(b, ")\n"...)
}

// beside is a path in the handler's package where nothing is.
func beside(source, name, ext string) string {
	for ; ; name += "_" {
		path := filepath.Join(source, name+ext)
		if _, err := os.Lstat(path); err != nil {
			return path
		}
	}
}

// write writes a file whose content is new.
func write(path string, content []byte) error {
	if is, err := os.ReadFile(path); err == nil && string(is) == string(content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// ID names all that this package writes that is not the handler's: programs
// made with another ID are out of date.
var ID = sync.OnceValue(func() string {
	h := sha256.New()
	for _, files := range []fs.FS{weft.Runtime, hosts, modules} {
		_ = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, path)
			fmt.Fprintf(h, "%s %d\n%s", path, len(content), content)
			return err
		}) // embedded files can be read
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
})
