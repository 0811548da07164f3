package scaffold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
}

// Build says how the go command builds the program.
type Build struct {
	// Package is the directory of the main package; only the overlay has it.
	Package string
	// Flags come before other flags, and Env after the variables of Request.Env.
	Flags, Env []string
	// Files are what beside the handler's packages the program depends on:
	// go.mod files of its workspace.
	Files []string
}

// Write writes the scaffold. Files that would not change are left alone, so
// that the go command's cache holds. Errors name what of the handler's module
// cannot be honoured.
func Write(req Request) (*Build, error) {
	b := &Build{Package: mainDir(req.Source)}
	main, err := mainFile(req)
	if err != nil {
		return nil, err
	}
	w, err := newWorkspace(req)
	if err != nil {
		return nil, err
	}
	overlay := map[string]string{}
	files := map[string][]byte{}
	for name, content := range main {
		files[filepath.Join("main", name)] = content
		overlay[filepath.Join(b.Package, name)] = filepath.Join(req.Dir, "main", name)
	}
	if err := w.settle(req, files, overlay); err != nil {
		return nil, err
	}
	b.Files = w.inputs
	if files["overlay.json"], err = json.MarshalIndent(map[string]any{"Replace": overlay}, "", "\t"); err != nil {
		return nil, err
	}
	for name, content := range files {
		if err := write(filepath.Join(req.Dir, name), content); err != nil {
			return nil, fmt.Errorf("write the scaffold of %s: %w", req.Function, err)
		}
	}
	b.Flags = []string{"-overlay=" + filepath.Join(req.Dir, "overlay.json")}
	b.Env = []string{"GOWORK=" + filepath.Join(req.Dir, "go.work"), "GOFLAGS=" + w.goflags}
	return b, nil
}

// mainDir is a directory in the handler's package that does not exist.
func mainDir(source string) string {
	for name := "weftmain"; ; name += "_" {
		dir := filepath.Join(source, name)
		if _, err := os.Lstat(dir); err != nil {
			return dir
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
