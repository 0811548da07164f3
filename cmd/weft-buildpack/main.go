// Command weft-buildpack is bin/detect and bin/build of Weft's buildpack, one
// program under two names. `weft build --buildpack` makes an image of it.
//
// It is a program of its own, and not weft under another name, because it runs
// in build images, for which weft is large, and because a
// weft that runs elsewhere, on a Mac say, has no program for Linux in it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weftmesh/weft/builder/buildpack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	buildpack.Main(ctx)
}
