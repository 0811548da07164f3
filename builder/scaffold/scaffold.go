package scaffold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

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
	// FUNCTION_TARGET does not say.
	Function string
	Handler  detect.Handler
	// Env is the go command's, whose GOFLAGS and GOWORK count.
	Env []string
	// Gcflags are those of the build, which this package's would displace.
	Gcflags string
}

// Build says how the go command builds the program.
type Build struct {
	// Package is the directory of the main package; only the overlay has it.
	Package string
	// Laid are the directories that only the overlay has, Package among them.
	Laid []string
	// Flags come before other flags of go build and go list, CompileFlags only
	// before those of go build, Env after the variables of Request.Env.
	Flags, CompileFlags, Env []string
	// Files are what beside the handler's packages the program depends on:
	// go.mod files of its workspace.
	Files []string
	// Resolve are the arguments of a go command that must run first, in the
	// handler's module and with Flags; nil if it has run already. Call Resolved
	// after it.
	Resolve []string

	base, dir string
}

// Resolved notes that the command that Resolve asks for has succeeded.
func (b *Build) Resolved() error { return write(filepath.Join(b.dir, baseFile), []byte(b.base)) }

// baseFile holds the go.mod as it was written: the one that a build uses has
// been completed by the go command.
const baseFile = "base.mod"

// Write writes the scaffold. Files that would not change are left alone, so
// that the go command's cache holds. Errors name what of the handler's module
// cannot be honoured.
func Write(req Request) (*Build, error) {
	b := &Build{Package: beside(req.Source, "weftmain", ""), dir: req.Dir}
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
	maps.Copy(laid, m.laid)
	resolve := b.Package
	if !m.whole {
		// A package with just the imports of what hosts the handler: that the
		// handler's own lack a module is for the build to say, and no reason to
		// look for one.
		resolve = beside(req.Module, "weftneeds", "")
		b.Laid = append(b.Laid, resolve)
		laid[filepath.Join(resolve, "needs.go")] = imports(packages)
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
	if files["overlay.json"], err = json.MarshalIndent(map[string]any{"Replace": overlay}, "", "\t"); err != nil {
		return nil, err
	}
	if err := b.module(m, files); err != nil {
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
	b.Flags = append(m.flags(), "-overlay="+filepath.Join(req.Dir, "overlay.json"))
	b.Env = []string{"GOWORK=off", "GOFLAGS=" + goflags(lookup(req.Env, "GOFLAGS")).without("mod", "modfile", "overlay")}
	if goVersion(m.file) != m.language {
		// The handler's code keeps its version of the language; the main is in
		// this one's.
		b.CompileFlags = []string{"-gcflags=" + m.path + "/...=" + strings.TrimSpace(req.Gcflags+" -lang=go"+m.language)}
		rel, err := filepath.Rel(req.Module, b.Package)
		if err != nil {
			return nil, err
		}
		b.CompileFlags = append(b.CompileFlags, "-gcflags="+path.Join(m.path, filepath.ToSlash(rel))+"="+req.Gcflags)
	}
	if b.Resolve != nil {
		b.Resolve = append(b.Resolve, resolve)
	}
	return b, nil
}

// module adds go.mod and go.sum, unless those of the last time still hold.
func (b *Build) module(m *mod, files map[string][]byte) error {
	content, err := m.file.Format()
	if err != nil {
		return err
	}
	b.base = string(content) + string(m.sums.bytes())
	was, err := os.ReadFile(filepath.Join(b.dir, baseFile))
	if err == nil && string(was) == b.base {
		return nil
	}
	files["go.mod"], files["go.sum"] = content, m.sums.bytes()
	b.Resolve = []string{"list", "-mod=mod", "-deps", "-f={{with .Error}}{{.}}{{end}}"}
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
