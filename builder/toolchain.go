package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// toolchain is the go command that builds. What it is and how it is set up is
// read from files, as asking it takes longer than all other checks together.
type toolchain struct {
	// path of the go command, "" if there is none.
	path string
	// id changes with its version.
	id string
}

func newToolchain() *toolchain {
	path, err := exec.LookPath("go")
	if err != nil {
		return &toolchain{}
	}
	t := &toolchain{path: path}
	real := resolved(path)
	if info, err := os.Stat(real); err == nil {
		t.id = fmt.Sprintf("%s %d %d", real, info.Size(), info.ModTime().UnixNano())
	}
	// GOROOT/VERSION, where the command lies in GOROOT/bin.
	if version, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(real)), "VERSION")); err == nil {
		t.id += string(version)
	}
	return t
}

// key names all that a build depends on beside its inputs.
func (t *toolchain) key(flags, env []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n", t.id, flags)
	var vars []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if name != "GOMAXPROCS" && name != "GOTRACEBACK" && slices.ContainsFunc(toolVars, func(p string) bool { return strings.HasPrefix(name, p) }) {
			vars = append(vars, kv)
		}
	}
	slices.Sort(vars)
	fmt.Fprintf(h, "%q\n", vars)
	h.Write(settings(env))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// settings are what `go env -w` has set.
func settings(env []string) []byte {
	file, ok := lookup(env, "GOENV")
	if !ok {
		if dir, err := os.UserConfigDir(); err == nil {
			file = filepath.Join(dir, "go", "env")
		}
	}
	set, err := os.ReadFile(file)
	if err != nil {
		return nil // nothing is set
	}
	return set
}

// toolVars are the beginnings of the names of variables that change what the
// go command builds (go help environment).
var toolVars = []string{"GO", "CGO_", "CC", "CXX", "AR", "FC", "PKG_CONFIG"}
