package buildpack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb"

	"github.com/weftmesh/weft/builder"
	"github.com/weftmesh/weft/builder/detect"
)

// goEntry is the dependency of build plans that buildpacks which bring Go
// provide.
const goEntry = "go"

// Detector says whether a directory holds a function.
type Detector struct {
	// Out is where the reason goes, as lines.
	Out io.Writer
}

var _ libcnb.Detector = Detector{}

// Detect passes for a directory with a handler or program that the builder
// takes. It fails, with the reason on Out, for others, so that another
// buildpack can take them, and errs where a setting is wrong or missing, or
// names a function that cannot be built.
func (d Detector) Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	s, err := readSettings(os.Environ())
	if err != nil {
		return libcnb.DetectResult{}, err
	}
	fail := func(err error) (libcnb.DetectResult, error) {
		if s.function != "" || errors.As(err, new(*choiceError)) {
			// It is known that the function is for this buildpack. The lifecycle
			// shows errors, and what fails only if it is asked to say more.
			return libcnb.DetectResult{}, err
		}
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(d.Out, strings.TrimRight(line, "\n"))
		}
		return libcnb.DetectResult{}, nil
	}
	p, err := findProject(ctx.Application.Path, s)
	if err != nil {
		return fail(err)
	}
	h, version, err := (&builder.Go{Root: ctx.Application.Path}).Look(request(p, s, ctx.Application.Path))
	if e, ok := errors.AsType[*detect.Error](err); ok {
		return fail(errors.New(strings.Join(e.Lines(), "\n")))
	}
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(d.Out, "%s: %s (%s)\n", p.name, h.Why, h.Kind)
	return libcnb.DetectResult{Pass: true, Plans: plans(version)}, nil
}

// plans require Go, which another buildpack of the group provides, and the
// version that go.mod asks for. Where the build image has a go command of its
// own, nothing need provide it.
func plans(version string) []libcnb.BuildPlan {
	metadata := map[string]any{"build": true}
	if version != "" {
		metadata["version"], metadata["version-source"] = ">= "+version, "go.mod"
	}
	all := []libcnb.BuildPlan{{Requires: []libcnb.BuildPlanRequire{{Name: goEntry, Metadata: metadata}}}}
	if _, err := exec.LookPath("go"); err == nil {
		all = append(all, libcnb.BuildPlan{})
	}
	return all
}

// request asks the builder for the function; output is where binaries go.
func request(p project, s settings, output string) builder.Request {
	env := os.Environ()
	return builder.Request{
		Function: p.name, Name: p.kube, Dir: p.dir, Output: filepath.Join(output, "programs"),
		Env: append(env, "GOFLAGS="+s.goflags(os.Getenv("GOFLAGS"))),
	}
}
