// Command daprd is Dapr's sidecar, built from its module: what the contract
// suite and the figures compare ours with. It is a module of its own, so that
// what daprd needs does not weigh on the root go.mod.
//
// It needs the tag stablecomponents (Dapr's own selection of components that it
// calls stable) or allcomponents.
package main

import (
	"github.com/dapr/dapr/cmd/daprd/app"
	_ "github.com/dapr/dapr/cmd/daprd/components"
)

func main() { app.Run() }
