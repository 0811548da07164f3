package builder

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestRaisedModules builds a handler that uses a module of the runtime in an
// older version, which needed no others: the go.sum beside the handler knows
// nothing of what the version that is built needs.
func TestRaisedModules(t *testing.T) {
	t.Parallel()
	const otel = "go.opentelemetry.io/otel"
	older := module.Version{Path: otel, Version: "v1.9.9"}
	env := append(environment(), "GOFLAGS=-modcacherw", "GOSUMDB=off", "GOMODCACHE="+t.TempDir(),
		"GOPROXY="+proxy(t, older, "package otel\n\nfunc Version() string { return \"old\" }\n")+","+cacheAsProxy(t))
	root := unpack(t, `
-- go.mod --
module example.com/user

go 1.21

require go.opentelemetry.io/otel v1.9.9
-- functions/hello/handle.go --
package function

import (
	"io"
	"net/http"

	"go.opentelemetry.io/otel"
)

func Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "otel "+otel.Version()) }
-- functions/lacking/handle.go --
package function

import (
	"net/http"

	_ "example.org/other/thing"
	_ "go.opentelemetry.io/otel"
)

func Handle(w http.ResponseWriter, r *http.Request) {}
`)
	sums := exec.Command("go", "mod", "download", "all")
	sums.Dir, sums.Env = root, env
	if out, err := sums.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	reqs := requests(root, "hello", "lacking")
	for i := range reqs {
		reqs[i].Env = env
	}
	results := (&Go{Root: root}).Build(context.Background(), reqs...)
	if err := results[0].Err; err != nil {
		t.Fatal(err)
	}
	s := serve(t, results[0].Binary)
	s.do(exchange{method: "GET", path: "/", status: 200, want: []string{"otel 1."}})
	s.stop()

	err := results[1].Err
	if err == nil {
		t.Fatal("a module that go.mod lacks was looked for")
	}
	if said := err.Error(); !strings.Contains(said, "functions/lacking/handle.go:6:2: no required module provides package example.org/other/thing") || strings.Contains(said, "go.sum") {
		t.Errorf("got\n%v", err)
	}
	if sum, err := os.ReadFile(filepath.Join(root, "go.sum")); err != nil || strings.Contains(string(sum), "logr") {
		t.Errorf("the go.sum of the handler's author has changed: %v\n%s", err, sum)
	}
}

// proxy makes a module proxy of files, with one module of one file.
func proxy(t *testing.T, m module.Version, source string) string {
	t.Helper()
	from, dir := t.TempDir(), t.TempDir()
	mod := "module " + m.Path + "\n\ngo 1.20\n"
	write(t, filepath.Join(from, "go.mod"), mod)
	write(t, filepath.Join(from, "x.go"), source)
	at := filepath.Join(dir, m.Path, "@v", m.Version)
	write(t, at+".info", `{"Version": "`+m.Version+`"}`)
	write(t, at+".mod", mod)
	f, err := os.Create(at + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := zip.CreateFromDir(f, m, from); err != nil {
		t.Fatal(err)
	}
	return "file://" + filepath.ToSlash(dir)
}

// cacheAsProxy is this machine's module cache, which is laid out as a proxy is.
func cacheAsProxy(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return "file://" + filepath.ToSlash(filepath.Join(strings.TrimSpace(string(out)), "cache", "download"))
}
