//go:build jetstream

package main

import (
	"github.com/dapr/components-contrib/pubsub/jetstream"
	pubsub "github.com/dapr/dapr/pkg/components/pubsub"
)

// Dapr's stable components leave JetStream out, and all of them would take
// twice as long to build.
func init() {
	pubsub.DefaultRegistry.RegisterComponent(jetstream.NewJetStream, "jetstream")
}
