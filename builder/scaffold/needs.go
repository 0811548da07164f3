package scaffold

import (
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// NeedsGo is the version of Go that hosting a handler takes, for a module that
// asks for that version itself.
func NeedsGo(module string) string {
	data, err := modules.ReadFile("modules/weft/go.mod.txt")
	if err != nil {
		return module
	}
	ours, err := modfile.Parse("weft", data, nil)
	if err != nil || semver.Compare("v"+release(module), "v"+release(ours.Go.Version)) >= 0 {
		return module
	}
	return ours.Go.Version
}
