package version

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// Source is the directory of the checkout that this binary was built from. The
// Makefile sets it with -ldflags "-X …/internal/version.Source=$(pwd)", because
// a build with -trimpath does not know it.
var Source string

var moduleLine = regexp.MustCompile(`(?m)^module ` + regexp.QuoteMeta(Module) + `\s*$`)

// Checkout returns the directory of the checkout that this binary was built
// from, or "" if there is none on this machine. Projects that a development
// build makes refer to it, as no proxy has such a build's module.
func Checkout() string {
	if IsCheckout(Source) {
		return Source
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return ""
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if !IsCheckout(dir) {
		return ""
	}
	return dir
}

// IsCheckout says whether dir holds Weft's module.
func IsCheckout(dir string) bool {
	if dir == "" {
		return false
	}
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && moduleLine.Match(b)
}
