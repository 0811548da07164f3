package builder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// stamp remembers what a binary was made from, so that a later build can see
// in a few milliseconds that nothing has changed.
type stamp struct {
	// Key is the target's: flags, environment, toolchain. Dir is its
	// directory.
	Key, Dir, Binary string
	// Scaffold is the ID of what hosts a handler; empty for a program.
	Scaffold         string
	Files            []fileStamp
	Packages, Embeds []dirStamp
	// Taken is when the stamp was made, in nanoseconds.
	Taken int64
}

// fileStamp is a file as it was; Size -1 says that there was none.
type fileStamp struct {
	Path       string
	Size, Time int64
	Sum        string
}

// dirStamp is the names in a directory that count.
type dirStamp struct{ Path, Names string }

// racy is how close a file's time may be to that of its stamp before the time
// no longer proves that it has not changed since: some file systems count
// seconds.
const racy = 2 * time.Second

// stampPath differs by variant, so that a debug build does not make the other
// one stale.
func (t *target) stampPath() string {
	name := "stamp"
	if t.req.Debug {
		name += "-debug"
	}
	if t.req.Race {
		name += "-race"
	}
	return filepath.Join(t.req.Output, t.req.Name, name+".json")
}

// loadStamp returns the stamp of the last build of this directory.
func (t *target) loadStamp() (*stampOf, bool) {
	data, err := os.ReadFile(t.stampPath())
	if err != nil {
		return nil, false
	}
	s := &stampOf{target: t}
	if json.Unmarshal(data, &s.stamp) != nil || s.Dir != t.dir {
		return nil, false
	}
	return s, true
}

// saveStamp stamps a binary, unless an input has changed since the build
// began: then it may be older than they are.
func (t *target) saveStamp(binary string, in Inputs, began time.Time) {
	s := stamp{Key: t.key, Dir: t.dir, Binary: binary, Taken: time.Now().UnixNano()}
	if t.scaffold.Package != "" {
		s.Scaffold = t.hostID()
	}
	_ = os.Remove(t.stampPath()) // of another build
	for _, path := range in.Files {
		f := stampFile(path)
		if f.Time >= began.UnixNano() {
			return
		}
		if f.Size < 0 && strings.ContainsRune(path, utf8.RuneError) {
			return // go list spells names in UTF-8, so this one cannot be found
		}
		f.Sum = sum(path)
		s.Files = append(s.Files, f)
	}
	for _, dir := range in.Packages {
		s.Packages = append(s.Packages, dirStamp{dir, names(dir, counts)})
	}
	for _, dir := range in.Embeds {
		s.Embeds = append(s.Embeds, dirStamp{dir, names(dir, nil)})
	}
	data, err := json.Marshal(s)
	if err != nil {
		return
	}
	// Without a stamp the next build runs the go command: slower, not wrong.
	temporary := t.stampPath() + ".new"
	if os.WriteFile(temporary, data, 0o644) == nil {
		_ = os.Rename(temporary, t.stampPath())
	}
}

// stampOf is a stamp and the target that it is to be compared with.
type stampOf struct {
	stamp
	target *target
}

// current says whether the binary is there and nothing it was made from has
// changed.
func (s *stampOf) current() bool {
	if s.Key != s.target.key || s.Scaffold != "" && s.Scaffold != s.target.hostID() {
		return false
	}
	if info, err := os.Stat(s.Binary); err != nil || info.Size() == 0 {
		return false
	}
	for _, d := range s.Packages {
		if names(d.Path, counts) != d.Names {
			return false
		}
	}
	for _, d := range s.Embeds {
		if names(d.Path, nil) != d.Names {
			return false
		}
	}
	for _, was := range s.Files {
		is := stampFile(was.Path)
		switch {
		case is.Size != was.Size:
			return false
		case is.Time == was.Time && was.Time < s.Taken-int64(racy):
			// Untouched since well before the stamp.
		case sum(was.Path) != was.Sum:
			return false
		}
	}
	return true
}

func (s *stampOf) inputs(function string) Inputs {
	in := Inputs{Function: function}
	for _, f := range s.Files {
		in.Files = append(in.Files, f.Path)
	}
	for _, d := range s.Packages {
		in.Packages = append(in.Packages, d.Path)
	}
	for _, d := range s.Embeds {
		in.Embeds = append(in.Embeds, d.Path)
	}
	in.settle()
	return in
}

func stampFile(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{Path: path, Size: -1}
	}
	return fileStamp{Path: path, Size: info.Size(), Time: info.ModTime().UnixNano()}
}

func sum(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// names returns a hash of the names in a directory that count; of all if
// counts is nil.
func names(dir string, counts func(string) bool) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var b bytes.Buffer
	for _, e := range entries {
		if counts == nil || counts(e.Name()) {
			b.WriteString(e.Name())
			b.WriteByte(0)
		}
	}
	h := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(h[:8])
}

// counts says whether a file of that name changes the package in whose
// directory it appears (go help packages, go help buildconstraint).
func counts(name string) bool {
	switch {
	case strings.HasPrefix(name, "."), strings.HasPrefix(name, "_"), strings.HasSuffix(name, "_test.go"):
		return false
	case name == "go.mod", name == "go.work":
		return true
	}
	return slices.Contains(sourceExts, filepath.Ext(name))
}

var sourceExts = []string{
	".go", ".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".m",
	".f", ".F", ".for", ".f90", ".syso", ".swig", ".swigcxx",
}
