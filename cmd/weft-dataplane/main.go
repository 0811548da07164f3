// Command weft-dataplane is what a mesh on a cluster runs beside its functions:
// its front, or a dispatcher.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weftmesh/weft/internal/dataplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := dataplane.Main(ctx, os.Args, os.Stderr)
	stop()
	os.Exit(code)
}
