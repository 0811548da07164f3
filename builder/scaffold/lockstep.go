package scaffold

import (
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// lockstep begins the paths of modules that are released together and fit each
// other in one version only: the SDK of OpenTelemetry implements interfaces of
// its API, which gain methods.
const lockstep = "go.opentelemetry.io/otel"

// together are the modules of the handler's go.mod that have to be raised
// because the runtime raises the one that they go with, with the version.
func together(own *modfile.File) (map[string]string, error) {
	data, err := modules.ReadFile("modules/weft/go.mod.txt")
	if err != nil {
		return nil, err
	}
	theirs, err := modfile.Parse("weft", data, nil)
	if err != nil {
		return nil, err
	}
	has, raised := required(own, lockstep), required(theirs, lockstep)
	if has == "" || semver.Compare(has, raised) >= 0 {
		return nil, nil
	}
	all := map[string]string{}
	for _, r := range own.Require {
		if strings.HasPrefix(r.Mod.Path, lockstep+"/") && r.Mod.Version == has {
			all[r.Mod.Path] = raised
		}
	}
	for _, r := range own.Replace {
		delete(all, r.Old.Path) // its author says what it is
	}
	return all, nil
}

// required is the version of a module that a go.mod asks for, or "".
func required(file *modfile.File, path string) string {
	for _, r := range file.Require {
		if r.Mod.Path == path {
			return r.Mod.Version
		}
	}
	return ""
}
