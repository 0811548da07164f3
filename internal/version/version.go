// Package version says which build of Weft this is, from what the Go tool
// writes into every binary; nothing needs to be set at build time.
package version

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Module is the path of Weft's module.
const Module = "github.com/weftmesh/weft"

// Info describes a build.
type Info struct {
	// Version is a release (v1.2.3), or "devel" for a build from a checkout.
	Version string `json:"version"`
	// Commit is the revision that was built, with "+dirty" where the tree
	// held changes; "" if the build did not record it.
	Commit string `json:"commit,omitempty"`
	Go     string `json:"go"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
}

// Get returns the description of the running binary.
func Get() Info {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		bi = &debug.BuildInfo{}
	}
	return from(bi)
}

func from(bi *debug.BuildInfo) Info {
	info := Info{Version: "devel", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if v := moduleVersion(bi); released(v) {
		info.Version = v
	}
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value + info.Commit
		case "vcs.modified":
			if s.Value == "true" {
				info.Commit += "+dirty"
			}
		}
	}
	return info
}

// moduleVersion is the version of Weft in a build: of the main module for
// weft itself, of a dependency for a program that uses its packages.
func moduleVersion(bi *debug.BuildInfo) string {
	if bi.Main.Path == Module {
		return bi.Main.Version
	}
	for _, m := range bi.Deps {
		if m.Path != Module {
			continue
		}
		if m.Replace != nil {
			return m.Replace.Version
		}
		return m.Version
	}
	return ""
}

// released says whether v is a version that a module proxy can have: not
// "(devel)", and not the pseudo-version that the Go tool derives from the
// state of a checkout.
func released(v string) bool {
	if !strings.HasPrefix(v, "v") || strings.Contains(v, "+dirty") {
		return false
	}
	// A pseudo-version ends in -<14 digits of time>-<12 digits of commit>,
	// its time preceded by "-" or "." (go.dev/ref/mod#pseudo-versions).
	commit := strings.LastIndexByte(v, '-')
	if commit < 0 || len(v)-commit-1 != 12 {
		return true
	}
	stamp := v[:commit]
	if i := strings.LastIndexAny(stamp, "-."); i >= 0 {
		stamp = stamp[i+1:]
	}
	return len(stamp) != 14 || strings.Trim(stamp, "0123456789") != ""
}

// Released says whether this build's version can be required in a go.mod.
func (i Info) Released() bool { return i.Version != "devel" }

// String gives "devel (1a2b3c4d5e6f) go1.26.4 linux/amd64".
func (i Info) String() string {
	s := i.Version
	if c := i.Commit; c != "" {
		commit, dirty, _ := strings.Cut(c, "+")
		if len(commit) > 12 {
			commit = commit[:12]
		}
		if dirty != "" {
			commit += "+" + dirty
		}
		s += " (" + commit + ")"
	}
	return s + " " + i.Go + " " + i.OS + "/" + i.Arch
}
