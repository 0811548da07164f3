package scaffold

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
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

// vendor has the modules of the vendor directory come from there.
func (m *mod) vendor(list []byte) error {
	hosting, err := m.hosting()
	if err != nil {
		return err
	}
	vendored, versions := parseVendor(list)
	for _, v := range vendored {
		if v.Version == "" || hosting[v.Path] || v.Path == weftModule {
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
