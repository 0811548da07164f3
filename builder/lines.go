package builder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// compileError is what the go command said, with positions as people know
// them: in their own files, from the root.
func (t *target) compileError(said []string, root string) error {
	var lines []string
	for _, line := range said {
		if strings.HasPrefix(line, "go: downloading ") {
			continue // that is no error
		}
		if line = t.tell(line, root); line == "" || !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = []string{"the go command wrote no binary and said nothing"}
	}
	return &CompileError{Function: t.req.Function, Dir: t.shown, Lines: lines}
}

// blamed is an error of another target that is this one's as well.
func (t *target) blamed(err error) error {
	if e, ok := errors.AsType[*CompileError](err); ok {
		return &CompileError{Function: t.req.Function, Dir: t.shown, Lines: e.Lines}
	}
	return err
}

// tell is a line of the go command without what only the build sees.
func (t *target) tell(line, root string) string {
	if t.scaffold.Package == "" {
		return relative(line, t.module, root)
	}
	if m := tooNew.FindStringSubmatch(line); m != nil {
		if at := t.goLine(m[1]); at != "" {
			return relative(at+": requires go >= "+m[1]+m[2], t.module, root)
		}
		return "what hosts handlers requires go >= " + m[1] + m[2] + ": update Go, or unset GOTOOLCHAIN"
	}
	path, rest := position(line)
	if path == "" || !t.laid(absolute(t.module, path)) {
		return relative(line, t.module, root)
	}
	if m := wanted.FindStringSubmatch(rest); m != nil {
		// Modules are read one by one, and it is told where that was noticed.
		if at := t.requireLine(m[1], m[2]); at != "" {
			return relative(at+": "+rest, t.module, root)
		}
		return rest
	}
	if !t.completed {
		return "what hosts handlers needs a module that cannot be had: " + rest
	}
	return t.handler + ": it is not called as it is written: " + rest
}

var (
	// tooNew is what the go command says of a go.mod for another Go.
	tooNew = regexp.MustCompile(`^go: .*go\.mod requires go >= ([^ ]+)( \(.*\))$`)
	// wanted begins what it says of a module that cannot be had.
	wanted = regexp.MustCompile(`^([^ :@]+)@([^ :]+): `)
	// coordinates follow the path of a position.
	coordinates = regexp.MustCompile(`^[0-9]+(:[0-9]+)?: `)
)

// position cuts the position from a line of the compiler; path is empty if the
// line begins with none.
func position(line string) (path, rest string) {
	path, rest, ok := strings.Cut(line, ":")
	at := coordinates.FindString(rest)
	if !ok || at == "" || !strings.Contains(path, ".") {
		return "", line
	}
	return path, rest[len(at):]
}

// goLine is where the handler's modules ask for a version of Go.
func (t *target) goLine(version string) string {
	return t.findLine(func(name string, data []byte) *modfile.Line {
		if filepath.Ext(name) == ".work" {
			if work, err := modfile.ParseWork(name, data, nil); err == nil && work.Go != nil && work.Go.Version == version {
				return work.Go.Syntax
			}
		} else if mod, err := modfile.ParseLax(name, data, nil); err == nil && mod.Go != nil && mod.Go.Version == version {
			return mod.Go.Syntax
		}
		return nil
	})
}

// requireLine is where they require a module.
func (t *target) requireLine(path, version string) string {
	return t.findLine(func(name string, data []byte) *modfile.Line {
		mod, err := modfile.ParseLax(name, data, nil)
		if err != nil || filepath.Ext(name) == ".work" {
			return nil
		}
		for _, r := range mod.Require {
			if r.Mod.Path == path && r.Mod.Version == version {
				return r.Syntax
			}
		}
		return nil
	})
}

// findLine looks in the files that the scaffold's go.mod is made of.
func (t *target) findLine(find func(name string, data []byte) *modfile.Line) string {
	for _, file := range t.scaffold.Files {
		data, err := os.ReadFile(file)
		if err != nil || filepath.Ext(file) == ".txt" {
			continue // go.work.sum need not be there
		}
		if line := find(file, data); line != nil {
			return fmt.Sprintf("%s:%d", file, line.Start.Line)
		}
	}
	return ""
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// relative makes the path that begins a compiler's line relative to root, if
// it lies below. The go command writes paths relative to where it ran.
func relative(line, module, root string) string {
	path, rest, ok := strings.Cut(line, ":")
	if !ok || !strings.Contains(path, ".") || strings.ContainsAny(path, " \t") && !coordinates.MatchString(rest) {
		return line
	}
	path = absolute(module, path)
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel + ":" + rest
	}
	return path + ":" + rest
}
