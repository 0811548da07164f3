package builder

import (
	"context"
	"strings"
)

// outdated says whether packages do not load because go.sum or go.mod lacks
// what they need in the versions that the build takes.
func (l listing) outdated() bool {
	outdated := func(said string) bool {
		return strings.Contains(said, "missing go.sum entry") || strings.Contains(said, "updates to go.mod needed")
	}
	for _, p := range l.byPath {
		if p.Error != nil && outdated(p.Error.Err) {
			return true
		}
	}
	return outdated(l.failed)
}

// widen completes the go.mod of handlers' builds for what the handlers import.
// A module that both they and the runtime need is built in the higher of two
// versions, and may need others there than those that the handlers' go.sum
// knows. What their own go.mod and go.sum do not provide is not looked for:
// that is an error of the handler that imports it.
func (gr *group) widen(ctx context.Context, overlay []string, root string) error {
	first := gr.targets[0]
	args := []string{"list", "-e", "-deps", "-json=Dir,ImportPath,Error,DepsErrors"}
	for _, t := range gr.targets {
		args = append(args, t.source())
	}
	own, err := read(first.start(ctx, first.env, args))
	if err != nil {
		return err
	}
	var sound []*target
	for _, t := range gr.targets {
		lines := own.at(t.dir).faults()
		if own.failed != "" {
			lines = strings.Split(own.failed, "\n")
		}
		if len(lines) > 0 {
			t.err = t.compileError(lines, root)
			continue
		}
		sound = append(sound, t)
	}
	if len(sound) == 0 {
		return nil
	}
	return first.scaffold.Widen(overlay[0], func(args []string) error { return first.completing(ctx, args, sound, root) })
}
