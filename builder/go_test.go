package builder

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const project = `
-- go.mod --
module example.com/shop

go 1.24
-- shared/shared.go --
package shared

const Greeting = "hello"
-- functions/one/main.go --
package main

import "example.com/shop/shared"

func main() { println(shared.Greeting, "one") }
-- functions/two/main.go --
package main

import (
	"embed"
	"example.com/shop/shared"
)

//go:embed static
var static embed.FS

func main() { println(shared.Greeting, "two") }
-- functions/two/static/a.txt --
a
-- functions/alone/go.mod --
module example.com/alone

go 1.24
-- functions/alone/main.go --
package main

func main() { println("alone") }
-- functions/library/library.go --
package library
-- functions/broken/main.go --
package main

func main() {
	x := undefinedThing
}
-- functions/missing/main.go --
package main

import "example.com/shop/nowhere"

func main() { nowhere.Go() }
-- functions/bad/main.go --
package main

func main( {
-- functions/empty/readme.txt --
nothing here
`

// unpack writes the archive to a new directory.
func unpack(t testing.TB, archive string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		write(t, filepath.Join(root, f.Name), string(f.Data))
	}
	return root
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func requests(root string, functions ...string) []Request {
	var reqs []Request
	for _, f := range functions {
		reqs = append(reqs, Request{Function: f, Name: f, Dir: "functions/" + f, Output: filepath.Join(root, ".weft", "bin")})
	}
	return reqs
}

func run(t *testing.T, binary string) string {
	t.Helper()
	out, err := exec.Command(binary).CombinedOutput()
	if err != nil {
		t.Fatalf("run %s: %v: %s", binary, err, out)
	}
	return strings.TrimSpace(string(out))
}

// recorder keeps progress by function.
type recorder struct {
	mu     sync.Mutex
	states map[string][]State
}

func (r *recorder) report(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = make(map[string][]State)
	}
	r.states[e.Function] = append(r.states[e.Function], e.State)
}

func (r *recorder) take() map[string][]State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.states
	r.states = nil
	return s
}

func TestBuild(t *testing.T) {
	root := unpack(t, project)
	var progress recorder
	g := &Go{Root: root, Progress: progress.report}
	reqs := requests(root, "one", "two", "alone")
	build := func() []Result {
		t.Helper()
		rs := g.Build(context.Background(), reqs...)
		for _, r := range rs {
			if r.Err != nil {
				t.Fatalf("%s: %v", r.Function, r.Err)
			}
		}
		return rs
	}

	first := build()
	for i, want := range []string{"hello one", "hello two", "alone"} {
		if got := run(t, first[i].Binary); got != want {
			t.Errorf("%s prints %q, want %q", first[i].Function, got, want)
		}
	}
	built := []State{StateBuilding, StateBuilt}
	if diff := cmp.Diff(map[string][]State{"one": built, "two": built, "alone": built}, progress.take()); diff != "" {
		t.Errorf("progress of the first build (-want +got):\n%s", diff)
	}

	steps := []struct {
		reason string
		change func()
		// want are the functions that are built anew.
		want []string
	}{
		{"nothing changed", func() {}, nil},
		{"a shared package changed: what imports it is built", func() {
			write(t, filepath.Join(root, "shared/shared.go"), "package shared\n\nconst Greeting = \"good day\"\n")
		}, []string{"one", "two"}},
		{"a file is written anew with what it had", func() {
			write(t, filepath.Join(root, "functions/alone/main.go"), "package main\n\nfunc main() { println(\"alone\") }\n")
		}, nil},
		{"a change of the same length", func() {
			write(t, filepath.Join(root, "functions/alone/main.go"), "package main\n\nfunc main() { println(\"enola\") }\n")
		}, []string{"alone"}},
		{"a new source file", func() {
			write(t, filepath.Join(root, "functions/one/more.go"), "package main\n\nfunc init() { println(\"more\") }\n")
		}, []string{"one"}},
		{"a test is no input", func() {
			write(t, filepath.Join(root, "functions/one/main_test.go"), "package main\n")
		}, nil},
		{"a new embedded file", func() { write(t, filepath.Join(root, "functions/two/static/b.txt"), "b") }, []string{"two"}},
		{"an embedded file changed", func() { write(t, filepath.Join(root, "functions/two/static/b.txt"), "c") }, []string{"two"}},
		{"go.mod changed", func() {
			write(t, filepath.Join(root, "functions/alone/go.mod"), "module example.com/alone\n\ngo 1.25\n")
		}, []string{"alone"}},
		{"a workspace appears", func() {
			write(t, filepath.Join(root, "go.work"), "go 1.25\n\nuse .\nuse ./functions/alone\n")
		}, []string{"one", "two", "alone"}},
	}
	for _, st := range steps {
		st.change()
		var got []string
		for _, r := range build() {
			if !r.Cached {
				got = append(got, r.Function)
			}
		}
		if diff := cmp.Diff(st.want, got); diff != "" {
			t.Errorf("%s: built (-want +got):\n%s", st.reason, diff)
		}
	}
	if got := run(t, build()[0].Binary); got != "more\ngood day one" {
		t.Errorf("one prints %q after the changes", got)
	}
}

func TestBuildVariants(t *testing.T) {
	root := unpack(t, project)
	g := &Go{Root: root}
	plain := requests(root, "one")[0]
	debug := plain
	debug.Debug = true
	r := g.Build(context.Background(), plain)[0]
	d := g.Build(context.Background(), debug)[0]
	if r.Err != nil || d.Err != nil {
		t.Fatal(r.Err, d.Err)
	}
	if r.Binary == d.Binary {
		t.Error("the debug build is the same binary as the other one")
	}
	if r = g.Build(context.Background(), plain)[0]; !r.Cached {
		t.Error("a debug build made the plain one stale")
	}
}

func TestBuildFollowsSymlinks(t *testing.T) {
	root := unpack(t, project)
	if err := os.Symlink("one", filepath.Join(root, "functions", "linked")); err != nil {
		t.Fatal(err)
	}
	r := (&Go{Root: root}).Build(context.Background(), requests(root, "linked")...)[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := run(t, r.Binary); got != "hello one" {
		t.Errorf("got %q", got)
	}
}

func TestBuildPrunes(t *testing.T) {
	root := unpack(t, project)
	g := &Go{Root: root}
	var last Result
	for i := range kept + 2 {
		write(t, filepath.Join(root, "functions/alone/main.go"), "package main\n\nfunc main() { println("+strings.Repeat("1", i+1)+") }\n")
		if last = g.Build(context.Background(), requests(root, "alone")...)[0]; last.Err != nil {
			t.Fatal(last.Err)
		}
	}
	dirs, err := filepath.Glob(filepath.Join(root, ".weft", "bin", "alone", "*", "alone"))
	if err != nil || len(dirs) != kept {
		t.Errorf("%d binaries are kept, want %d (%v)", len(dirs), kept, err)
	}
	if got := run(t, last.Binary); got != "111111" {
		t.Errorf("the current binary prints %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(root, ".weft", "bin", stagePrefix+"*")); len(left) > 0 {
		t.Errorf("stages are left: %v", left)
	}
}

func TestBuildErrors(t *testing.T) {
	root := unpack(t, project)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "main.go"), "package main\n\nfunc main() {}\n")
	cases := map[string]struct {
		reason   string
		function string
		dir      string
		// compile says that it is a *CompileError, else a *SourceError.
		compile bool
		want    []string
	}{
		"Broken":   {reason: "the compiler's line, from the root", function: "broken", compile: true, want: []string{"functions/broken/main.go:4:7: undefined: undefinedThing"}},
		"Syntax":   {reason: "a file that does not parse", function: "bad", compile: true, want: []string{"functions/bad/main.go:3:12: "}},
		"Import":   {reason: "a package that does not exist", function: "missing", compile: true, want: []string{"functions/missing/main.go:3:8: ", "example.com/shop/nowhere"}},
		"Library":  {reason: "no handler", function: "library", compile: true, want: []string{"package library", "package main"}},
		"Empty":    {reason: "no Go files", function: "empty", want: []string{"no Go files", "command"}},
		"Absent":   {reason: "no directory", function: "absent", want: []string{"does not exist", "source"}},
		"NoModule": {reason: "no go.mod", function: "outside", dir: outside, want: []string{"go.mod", "go mod init"}},
	}
	var reqs []Request
	names := []string{"one"}
	for name, tc := range cases {
		req := requests(root, tc.function)[0]
		if tc.dir != "" {
			req.Dir = tc.dir
		}
		reqs = append(reqs, req)
		names = append(names, name)
	}
	var progress recorder
	results := (&Go{Root: root, Progress: progress.report}).Build(context.Background(), append(requests(root, "one"), reqs...)...)
	if results[0].Err != nil {
		t.Errorf("one fails because of the others: %v", results[0].Err)
	}
	for i, r := range results[1:] {
		name := names[i+1]
		tc := cases[name]
		t.Run(name, func(t *testing.T) {
			if r.Err == nil || r.Binary != "" {
				t.Fatalf("%s: built %q", tc.reason, r.Binary)
			}
			var ce *CompileError
			var se *SourceError
			if errors.As(r.Err, &ce) != tc.compile || errors.As(r.Err, &se) == tc.compile {
				t.Errorf("%s: got a %T", tc.reason, r.Err)
			}
			for _, want := range tc.want {
				if !strings.Contains(r.Err.Error(), want) {
					t.Errorf("%s: %q does not say %q", tc.reason, r.Err, want)
				}
			}
			if strings.Contains(r.Err.Error(), root) {
				t.Errorf("%s: %q names the root", tc.reason, r.Err)
			}
			if states := progress.states[tc.function]; !slices.Contains(states, StateFailed) {
				t.Errorf("%s: progress %v", tc.reason, states)
			}
		})
	}
}

func TestBuildModuleDoesNotLoad(t *testing.T) {
	root := unpack(t, project)
	write(t, filepath.Join(root, "go.mod"), "module example.com/shop\n\nrequire what\n")
	reqs := requests(root, "one", "two", "alone")
	reqs[0].Dir = filepath.Join(root, "functions/one")
	rs := (&Go{Root: root}).Build(context.Background(), reqs...)
	for _, r := range rs[:2] {
		var ce *CompileError
		if !errors.As(r.Err, &ce) || ce.Dir != "functions/"+r.Function || !strings.Contains(r.Err.Error(), "go.mod:3") || strings.Contains(r.Err.Error(), root) {
			t.Errorf("%s: got %v", r.Function, r.Err)
		}
	}
	if rs[2].Err != nil {
		t.Errorf("a function of another module: %v", rs[2].Err)
	}
}

func TestBuildEndsWithContextWhileItRuns(t *testing.T) {
	root := unpack(t, project)
	bin := t.TempDir()
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho $$ >>"+filepath.Join(bin, "started")+"\nexec sleep 60\n")
	if err := os.Chmod(filepath.Join(bin, "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan Result)
	go func() { done <- (&Go{Root: root}).Build(ctx, requests(root, "one")...)[0] }()
	for {
		if _, err := os.Stat(filepath.Join(bin, "started")); err == nil {
			break
		}
		runtime.Gosched()
	}
	cancel()
	if r := <-done; !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %v", r.Err)
	}
}

// FuzzRelative has any line of a compiler come through: its end unchanged, and
// no path that leads out of the root made relative.
func FuzzRelative(f *testing.F) {
	for _, line := range []string{"./main.go:1:2: x", "a b.go:1: x", "/abs/x.go:1:2: y", "../../../x.go:1:1: z", "no colon", ":", "go: module.x: y"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := relative(line, "/project/module", "/project")
		_, want, _ := strings.Cut(line, ":")
		if !strings.HasSuffix(got, want) {
			t.Errorf("%q became %q", line, got)
		}
		if strings.HasPrefix(got, "../") && !strings.HasPrefix(line, "../") {
			t.Errorf("%q became %q", line, got)
		}
	})
}

// TestBuildBlamesDependents has a shared package fail: all that import it
// fail with its lines, and others are built.
func TestBuildBlamesDependents(t *testing.T) {
	root := unpack(t, project)
	write(t, filepath.Join(root, "shared/shared.go"), "package shared\n\nconst Greeting = nothing\n")
	write(t, filepath.Join(root, "functions/free/main.go"), "package main\n\nfunc main() { println(\"free\") }\n")
	rs := (&Go{Root: root}).Build(context.Background(), requests(root, "one", "two", "free")...)
	for _, r := range rs[:2] {
		var ce *CompileError
		if !errors.As(r.Err, &ce) {
			t.Fatalf("%s: got %v", r.Function, r.Err)
		}
		if diff := cmp.Diff([]string{"shared/shared.go:3:18: undefined: nothing"}, ce.Lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Function, diff)
		}
		if !r.Inputs.Contains(filepath.Join(resolved(root), "shared/shared.go")) {
			t.Errorf("%s: a watcher would not see the mending: %+v", r.Function, r.Inputs)
		}
	}
	if rs[2].Err != nil {
		t.Error(rs[2].Err)
	}
}

func TestBuildWithoutGo(t *testing.T) {
	root := unpack(t, project)
	t.Setenv("PATH", t.TempDir())
	r := (&Go{Root: root}).Build(context.Background(), requests(root, "one")...)[0]
	var se *SourceError
	if !errors.As(r.Err, &se) || !strings.Contains(se.Hint, "https://go.dev/dl") {
		t.Errorf("got %v", r.Err)
	}
}

func TestBuildEndsWithContext(t *testing.T) {
	root := unpack(t, project)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := (&Go{Root: root}).Build(ctx, requests(root, "one")...)[0]
	if !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %v", r.Err)
	}
}

func TestInputs(t *testing.T) {
	root := unpack(t, project)
	g := &Go{Root: root}
	req := requests(root, "two")[0]
	real := resolved(root)
	if diff := cmp.Diff([]string{filepath.Join(real, "functions/two")}, g.Inputs(req).Dirs); diff != "" {
		t.Errorf("before the first build (-want +got):\n%s", diff)
	}
	r := g.Build(context.Background(), req)[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if diff := cmp.Diff(r.Inputs, g.Inputs(req)); diff != "" {
		t.Errorf("Inputs differs from Result.Inputs (-result +inputs):\n%s", diff)
	}
	want := []string{"", "functions/two", "functions/two/static", "shared"}
	for i := range want {
		want[i] = filepath.Join(real, want[i])
	}
	if diff := cmp.Diff(want, r.Inputs.Dirs); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
	for path, want := range map[string]bool{
		"shared/shared.go":              true,
		"shared/new.go":                 true,
		"shared/new_test.go":            false,
		"shared/.#shared.go":            false,
		"shared/notes.txt":              false,
		"functions/two/static/new.html": true,
		"functions/one/main.go":         false,
		"go.mod":                        true,
		"go.sum":                        true,
		"README.md":                     false,
	} {
		if got := r.Inputs.Contains(filepath.Join(real, path)); got != want {
			t.Errorf("Contains(%s) is %v", path, got)
		}
	}
}

func BenchmarkNothingChanged(b *testing.B) {
	root := b.TempDir()
	for _, f := range txtar.Parse([]byte(project)).Files {
		path := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	g := &Go{Root: root}
	reqs := requests(root, "one", "two", "alone")
	g.Build(context.Background(), reqs...)
	b.ResetTimer()
	for b.Loop() {
		for _, r := range g.Build(context.Background(), reqs...) {
			if !r.Cached {
				b.Fatal(r.Err)
			}
		}
	}
}
