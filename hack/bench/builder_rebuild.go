//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftmesh/weft/builder"
)

// rebuild is the time from a changed line to the new program, everything else
// being built: medians.
type rebuild struct {
	Weft    float64 `json:"weft_ms"`
	GoBuild float64 `json:"go_build_ms"`
	Ratio   float64 `json:"ratio"`
	// Handler is of Knative func's form of the same, whose main Weft writes.
	Handler      float64 `json:"weft_handler_ms"`
	HandlerRatio float64 `json:"weft_handler_ratio"`
	// Unchanged is when nothing has changed.
	Unchanged float64 `json:"weft_unchanged_ms"`
	// WeftBuild is of weft build: program and image, for one platform.
	WeftBuild float64 `json:"weft_build_ms"`
	Rounds    int     `json:"rounds"`
}

const (
	rebuiltMesh = `apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata:
  name: rebuild
spec:
  functions:
    - name: program
      source: functions/program
      triggers:
        - type: http
`
	rebuiltProgram = `package main

import (
	"net/http"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.HTTP("program", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Change", "CHANGE")
		handler.HTTP(w, r)
	}))
	fn.Main()
}
`
	rebuiltHandler = `package function

import (
	"net/http"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Change", "CHANGE")
	handler.HTTP(w, r)
}
`
)

// rebuilder is a module of its own, with a program and a handler.
type rebuilder struct {
	root    string
	changes int
}

func newRebuilder(b *bench) (*rebuilder, error) {
	r := &rebuilder{root: filepath.Join(b.dir, "rebuild")}
	for _, dir := range []string{"functions/program", "functions/handler"} {
		if err := os.MkdirAll(filepath.Join(r.root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	mod, err := os.ReadFile(filepath.Join(b.root, "go.mod"))
	if err != nil {
		return nil, err
	}
	sums, err := os.ReadFile(filepath.Join(b.root, "go.sum"))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(mod), "\n")
	files := map[string]string{
		"go.mod": "module example.com/rebuild\n" + rest +
			"\nrequire github.com/weftmesh/weft v0.0.0\n\nreplace github.com/weftmesh/weft => " + b.root + "\n",
		"go.sum":    string(sums),
		"mesh.yaml": rebuiltMesh,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// change writes a source in which one line is new.
func (r *rebuilder) change(file, source string) error {
	r.changes++
	line := fmt.Sprintf("%d of %s", r.changes, filepath.Base(r.root)+time.Now().Format(time.RFC3339Nano))
	return os.WriteFile(filepath.Join(r.root, file), []byte(strings.Replace(source, "CHANGE", line, 1)), 0o644)
}

// weft has the builder make the program that weft up would run.
func (r *rebuilder) weft(ctx context.Context, name string) (time.Duration, error) {
	began := time.Now()
	result := (&builder.Go{Root: r.root}).Build(ctx, builder.Request{
		Function: name, Name: name, Dir: "functions/" + name, Output: filepath.Join(r.root, ".weft", "bin"),
	})[0]
	return time.Since(began), result.Err
}

func (r *rebuilder) command(ctx context.Context, bin string, args ...string) (time.Duration, error) {
	began := time.Now()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", filepath.Base(bin), strings.Join(args, " "), err, &out)
	}
	return time.Since(began), nil
}

func measureRebuild(ctx context.Context, b *bench) (rebuild, imageSize, error) {
	r, err := newRebuilder(b)
	if err != nil {
		return rebuild{}, imageSize{}, err
	}
	layout := filepath.Join(r.root, "image")
	const program, handler = "functions/program/main.go", "functions/handler/handler.go"
	steps := []struct {
		file, source string
		run          func() (time.Duration, error)
		took         []time.Duration
	}{
		{file: program, source: rebuiltProgram, run: func() (time.Duration, error) { return r.weft(ctx, "program") }},
		{file: program, source: rebuiltProgram, run: func() (time.Duration, error) {
			return r.command(ctx, "go", "build", "-o", filepath.Join(r.root, "bare"), "./functions/program")
		}},
		{file: handler, source: rebuiltHandler, run: func() (time.Duration, error) { return r.weft(ctx, "handler") }},
		{run: func() (time.Duration, error) { return r.weft(ctx, "handler") }},
		{file: program, source: rebuiltProgram, run: func() (time.Duration, error) {
			return r.command(ctx, b.bin, "build", "--to", "oci:"+layout, "--platform", "linux/amd64")
		}},
	}
	for round := range b.rebuilds + 1 {
		for i := range steps {
			s := &steps[i]
			if s.file != "" {
				if err := r.change(s.file, s.source); err != nil {
					return rebuild{}, imageSize{}, err
				}
			}
			took, err := s.run()
			if err != nil {
				return rebuild{}, imageSize{}, err
			}
			if round > 0 { // the first builds everything else
				s.took = append(s.took, took)
			}
		}
	}
	times := rebuild{Rounds: b.rebuilds}
	for i, into := range []*float64{&times.Weft, &times.GoBuild, &times.Handler, &times.Unchanged, &times.WeftBuild} {
		*into = ms(median(steps[i].took))
	}
	times.Ratio, times.HandlerRatio = round(times.Weft/times.GoBuild, 3), round(times.Handler/times.GoBuild, 3)
	size, err := sizeOf(layout)
	return times, size, err
}
