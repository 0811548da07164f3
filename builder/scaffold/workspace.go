package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

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

// workspace takes over what the handler's go.work says. Its other modules
// become replacements of modules of the same path, since a workspace would ask
// the module cache for modules that the build has no need of.
func (m *mod) workspace(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(path, data, nil)
	if err != nil {
		return err
	}
	m.inputs = append(m.inputs, path, path+".sum")
	dir := filepath.Dir(path)
	for _, u := range work.Use {
		err := m.use(absolute(dir, u.Path))
		if missing, ok := errors.AsType[*fs.PathError](err); ok {
			return fmt.Errorf("%s:%d: use %s: its %s cannot be read: %v", path, u.Syntax.Start.Line, u.Path, filepath.Base(missing.Path), missing.Err)
		}
		if err != nil {
			return err
		}
	}
	// Its own replacements are above those of modules.
	for _, r := range work.Replace {
		target := r.New.Path
		if r.New.Version == "" {
			target = m.relative(absolute(dir, target))
		}
		if err := m.file.AddReplace(r.Old.Path, r.Old.Version, target, r.New.Version); err != nil {
			return err
		}
	}
	for _, g := range work.Godebug {
		if err := m.file.AddGodebug(g.Key, g.Value); err != nil {
			return err
		}
	}
	if work.Go != nil && (m.file.Go == nil || semver.Compare("v"+release(m.file.Go.Version), "v"+release(work.Go.Version)) < 0) {
		if err := m.file.AddGoStmt(work.Go.Version); err != nil {
			return err
		}
	}
	if work.Toolchain != nil {
		if err := m.file.AddToolchainStmt(work.Toolchain.Name); err != nil {
			return err
		}
	}
	return m.sums.read(path + ".sum")
}

// use takes over another module of the workspace.
func (m *mod) use(dir string) error {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if dir == m.req.Module {
		return nil
	}
	path := filepath.Join(dir, "go.mod")
	theirs, err := readMod(path)
	if err != nil {
		return err
	}
	m.inputs = append(m.inputs, path)
	m.own = m.own || theirs.Module.Mod.Path == weftModule
	for _, r := range theirs.Replace {
		target := r.New.Path
		if r.New.Version == "" {
			target = m.relative(absolute(dir, target))
		}
		if err := m.file.AddReplace(r.Old.Path, r.Old.Version, target, r.New.Version); err != nil {
			return err
		}
	}
	if err := m.replace(theirs.Module.Mod.Path, "", dir); err != nil {
		return err
	}
	return m.sums.read(strings.TrimSuffix(path, ".mod") + ".sum")
}
