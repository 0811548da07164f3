package builder

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"github.com/weftmesh/weft/builder/detect"
	"github.com/weftmesh/weft/builder/scaffold"
)

// Look says which handler a request's directory holds, as Build would find it,
// and the version of Go that it takes to build it, such as "1.26.4". It needs
// no go command. Its error is a *SourceError, a *detect.Error, or that of
// reading the directory.
func (g *Go) Look(req Request) (h detect.Handler, goVersion string, err error) {
	// What a directory holds does not depend on the go command there may be.
	t, err := newTarget(resolved(g.Root), req, &toolchain{path: "go"})
	if err != nil {
		return h, "", err
	}
	if h, err = detect.Detect(t.dir, t.reading()); err != nil {
		return h, "", err
	}
	path := filepath.Join(t.module, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return h, "", err
	}
	shown := path
	if rel, err := filepath.Rel(resolved(g.Root), path); err == nil && filepath.IsLocal(rel) {
		shown = rel
	}
	mod, err := modfile.ParseLax(shown, data, nil)
	if err != nil {
		return h, "", fmt.Errorf("function %s: %w", req.Function, err)
	}
	if mod.Go != nil {
		goVersion = mod.Go.Version
	}
	if h.Kind != detect.Program {
		goVersion = scaffold.NeedsGo(goVersion)
	}
	return h, goVersion, nil
}
