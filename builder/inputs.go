package builder

import (
	"path/filepath"
	"slices"
	"strings"
)

// Inputs are what a function's binary is made from, outside the Go
// distribution and the module cache.
type Inputs struct {
	Function string
	// Dirs to watch: every directory that holds one of the other three.
	Dirs []string
	// Files that count, absolute; some may not exist yet (go.sum, go.work).
	Files []string
	// Packages are the directories where a new source file counts too, Embeds
	// those where any new name does, Documents those where a new YAML file
	// does: no binary is made from these, but a mesh is read from them.
	Packages, Embeds, Documents []string
}

// Contains says whether a change of the file changes the binary.
func (in Inputs) Contains(path string) bool {
	dir := filepath.Dir(path)
	return slices.Contains(in.Files, path) || slices.Contains(in.Embeds, dir) ||
		slices.Contains(in.Packages, dir) && counts(filepath.Base(path)) ||
		slices.Contains(in.Documents, dir) && document(filepath.Base(path))
}

// document says whether a file's name is that of a YAML document, and not of
// an editor's copy.
func document(name string) bool {
	ext := filepath.Ext(name)
	return !strings.HasPrefix(name, ".") && (ext == ".yaml" || ext == ".yml")
}

// settle puts the lists in order and works out Dirs.
func (in *Inputs) settle() {
	in.Dirs = nil
	for _, f := range in.Files {
		// Where a file that does not exist would lie may be anywhere up to
		// the root.
		if stampFile(f).Size >= 0 {
			in.Dirs = append(in.Dirs, filepath.Dir(f))
		}
	}
	in.Dirs = append(append(in.Dirs, in.Packages...), in.Embeds...)
	for _, l := range []*[]string{&in.Dirs, &in.Files, &in.Packages, &in.Embeds} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
}

// inputs returns what a target is made from. Modules of a certain version
// cannot change: go.sum holds them.
func (l listing) inputs(t *target) Inputs {
	in := Inputs{Function: t.req.Function, Packages: []string{t.dir}}
	modules := []string{t.module}
	for _, path := range l.deps(t) {
		p := l.byPath[path]
		if p == nil || p.Standard || p.Dir == "" || p.Module.fixed() || t.laid(p.Dir) {
			continue
		}
		in.Packages = append(in.Packages, p.Dir)
		for _, files := range [][]string{p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.HFiles, p.SFiles, p.SysoFiles} {
			for _, f := range files {
				in.Files = append(in.Files, filepath.Join(p.Dir, f))
			}
		}
		for _, f := range p.EmbedFiles {
			path := filepath.Join(p.Dir, f)
			in.Files = append(in.Files, path)
			// Names that appear beside it or on the way to it may match the
			// pattern as well.
			dir := filepath.Dir(path)
			in.Embeds = append(in.Embeds, dir)
			for len(dir) > len(p.Dir) {
				dir = filepath.Dir(dir)
				in.Embeds = append(in.Embeds, dir)
			}
		}
		if m := p.Module.root(); m != "" {
			modules = append(modules, m)
		}
	}
	for _, m := range modules {
		if t.laid(m) {
			continue
		}
		in.Files = append(in.Files, filepath.Join(m, "go.mod"), filepath.Join(m, "go.sum"))
	}
	in.Files = append(in.Files, filepath.Join(t.module, "vendor", "modules.txt"))
	in.Files = append(in.Files, t.workspaces()...)
	in.Files = append(in.Files, t.scaffold.Files...)
	in.settle()
	return in
}

// workspaces returns the go.work files that hold for the module or would, if
// they were created.
func (t *target) workspaces() []string {
	switch work, _ := lookup(t.env, "GOWORK"); work {
	case "off":
		return nil
	case "":
	default:
		return []string{work, work + ".sum"}
	}
	var files []string
	for dir := t.module; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		files = append(files, file)
		if stampFile(file).Size >= 0 {
			return append(files, filepath.Join(dir, "go.work.sum"))
		}
		if filepath.Dir(dir) == dir {
			return files
		}
	}
}

// fixed says whether the module comes from the module cache or a vendor
// directory.
func (m *gomodule) fixed() bool {
	if m == nil || m.Main {
		return false
	}
	if m.Replace != nil {
		return m.Replace.Version != ""
	}
	return m.Version != ""
}

func (m *gomodule) root() string {
	if m == nil {
		return ""
	}
	return m.Dir
}
