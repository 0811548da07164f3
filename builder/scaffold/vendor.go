package scaffold

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// parseVendor reads the modules of a vendor/modules.txt that have packages.
func parseVendor(data []byte) (vendored []module.Version, versions map[string]string) {
	versions = map[string]string{}
	var current module.Version
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			for part := range strings.SplitSeq(line[3:], ";") {
				if v, ok := strings.CutPrefix(strings.TrimSpace(part), "go "); ok {
					versions[current.Path] = v
				}
			}
		case strings.HasPrefix(line, "# "):
			current = module.Version{}
			if f := strings.Fields(line); len(f) > 2 && f[2] != "=>" {
				current = module.Version{Path: f[1], Version: f[2]}
			} else if len(f) > 1 {
				current = module.Version{Path: f[1]}
			}
		case line != "" && current.Path != "" && !slices.Contains(vendored, current):
			vendored = append(vendored, current)
		}
	}
	return vendored, versions
}

// consistent says what keeps a vendor directory from being that of the go.mod,
// as the go command does (golang.org/ref/mod#vendoring).
func (m *mod) consistent(list []byte) error {
	explicit, replaced := map[string]string{}, map[string]string{}
	var path, version string
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if from, to, ok := strings.Cut(line, " => "); ok && strings.HasPrefix(line, "# ") {
			replaced[strings.TrimSpace(strings.TrimPrefix(from, "#"))] = to
		}
		if about, ok := strings.CutPrefix(line, "## "); !ok {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "#" {
				path, version = f[1], f[2]
			}
		} else if word, _, _ := strings.Cut(about, ";"); strings.TrimSpace(word) == "explicit" {
			explicit[path] = version
		}
	}
	for _, r := range m.file.Require {
		if v, ok := explicit[r.Mod.Path]; !ok || v != r.Mod.Version {
			return fmt.Errorf("%s:%d: inconsistent vendoring: %s %s is required, and vendor/modules.txt has %s: run `go mod vendor`",
				m.inputs[0], r.Syntax.Start.Line, r.Mod.Path, r.Mod.Version, cmp.Or(v, "none"))
		}
		delete(explicit, r.Mod.Path)
	}
	for _, path := range slices.Sorted(maps.Keys(explicit)) {
		return fmt.Errorf("%s: inconsistent vendoring: %s %s is in vendor/modules.txt, and not required: run `go mod vendor`",
			m.inputs[0], path, explicit[path])
	}
	for _, r := range m.file.Replace {
		from, to := strings.TrimSpace(r.Old.Path+" "+r.Old.Version), strings.TrimSpace(r.New.Path+" "+r.New.Version)
		if is := replaced[from]; is != to {
			return fmt.Errorf("%s:%d: inconsistent vendoring: %s is replaced by %s, and in vendor/modules.txt by %s: run `go mod vendor`",
				m.inputs[0], r.Syntax.Start.Line, from, to, cmp.Or(is, "nothing"))
		}
	}
	return nil
}

// vendor has the modules of the vendor directory come from there.
func (m *mod) vendor(list []byte) error {
	if semver.Compare("v"+m.language, "v1.14") >= 0 {
		if err := m.consistent(list); err != nil {
			return err
		}
	}
	hosting, err := m.hosting()
	if err != nil {
		return err
	}
	vendored, versions := parseVendor(list)
	for _, v := range vendored {
		if v.Version == "" || hosting[v.Path] || m.raised[v.Path] != "" || v.Path == weftModule {
			continue
		}
		dir := filepath.Join(m.req.Module, "vendor", filepath.FromSlash(v.Path))
		if err := m.replace(v.Path, v.Version, dir); err != nil {
			return err
		}
		version := versions[v.Path]
		if version == "" {
			version = "1.16"
		}
		m.laid[filepath.Join(dir, "go.mod")] = fmt.Appendf(nil, "module %s\n\ngo %s\n", modfile.AutoQuote(v.Path), version)
	}
	return nil
}
