// Command weft-controller makes a cluster hold what its FunctionMeshes ask for.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weftmesh/weft/controller"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := controller.Main(ctx, os.Args, os.Stderr)
	stop()
	os.Exit(code)
}
