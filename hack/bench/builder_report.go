//go:build unix

package main

import (
	"context"
	"fmt"
)

// measureBuilder measures all that there is to say of the builder.
func measureBuilder(ctx context.Context, b *bench) (building, error) {
	r, err := measureHosts(ctx, b)
	if err != nil {
		return building{}, err
	}
	r.Rebuild, r.Image, err = measureRebuild(ctx, b)
	return r, err
}

// rows are those of the table. What is compared with something else has that in
// the column of the floors.
func (r *building) rows(row func(name string, value float64, unit string, most bool, target float64, floor, article string)) {
	us := func(name string, cost float64) { row("  processor for one, "+name, cost, "us", true, 0, "", "") }
	row("host, HTTP", r.HTTP.Weft, "/s", false, 0, fmt.Sprintf("%g /s (bare net/http)", r.HTTP.NetHTTP), "")
	row("  of bare net/http", r.HTTP.Ratio, "x", false, 0.85, "", "")
	us("bare net/http", r.HTTP.NetHTTPUS)
	us("host", r.HTTP.WeftUS)
	us("Knative func's form in the host", r.HTTP.FuncUS)
	row("host, CloudEvents", r.CloudEvents.Weft, "/s", false, 0,
		fmt.Sprintf("%g /s (functions-framework-go), %g /s (func-go)", r.CloudEvents.Framework, r.CloudEvents.FuncGo), "")
	bare := func(of float64) string { return fmt.Sprintf("%g x (bare net/http, no event made)", of) }
	row("  of functions-framework-go", r.CloudEvents.Ratios.Framework, "x", false, 1.3, bare(r.CloudEvents.Ratios.NetHTTPFramework), "")
	row("  of func-go", r.CloudEvents.Ratios.FuncGo, "x", false, 1.3, bare(r.CloudEvents.Ratios.NetHTTPFuncGo), "")
	us("bare net/http", r.CloudEvents.NetHTTPUS)
	us("host", r.CloudEvents.WeftUS)
	us("functions-framework-go", r.CloudEvents.FrameworkUS)
	us("func-go", r.CloudEvents.FuncGoUS)
	if c := r.CloudEvents; c.FrameworkLost+c.FuncGoLost+c.WeftLost > 0 {
		row("  never answered, host", float64(c.WeftLost), "", true, 0,
			fmt.Sprintf("%d (functions-framework-go), %d (func-go)", c.FrameworkLost, c.FuncGoLost), "")
	}
	row("functions-framework-go in the host, HTTP", r.Framework.Behind, "/s", false, 0, fmt.Sprintf("%g /s (alone)", r.Framework.Alone), "")
	us("alone", r.Framework.AloneUS)
	us("in the host", r.Framework.BehindUS)
	row("rebuild after one line", r.Rebuild.Weft, "ms", true, 0, fmt.Sprintf("%g ms (go build)", r.Rebuild.GoBuild), "")
	row("  of go build", r.Rebuild.Ratio, "x", true, 1.5, "", "")
	row("  of a handler", r.Rebuild.Handler, "ms", true, 0, "", "")
	row("  of a handler, of go build", r.Rebuild.HandlerRatio, "x", true, 1.5, "", "")
	row("  weft build, with the image", r.Rebuild.WeftBuild, "ms", true, 0, "", "")
	row("image", r.Image.Image, "MB", true, 0, fmt.Sprintf("%g MB (the program, compressed)", r.Image.Compressed), "")
	row("  beyond the program", r.Image.Adds, "MB", true, 3, "", "")
}
