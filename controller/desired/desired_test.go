package desired_test

import (
	"path/filepath"
	"testing"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh/source"
)

// settings of a cluster that has everything.
func settings() desired.Settings {
	return desired.Settings{
		Dataplane: "registry.example/weft-dataplane:v1",
		Broker: v1beta1.Component{Name: "links", Type: "pubsub.jetstream", Version: "v1", Metadata: []v1beta1.ComponentMetadata{
			{Name: "natsURL", Value: "nats://nats.nats:4222"},
		}},
		Has: desired.Installed{Knative: true, KEDA: true, Dapr: true, HPA: true},
	}
}

func TestSamples(t *testing.T) {
	for _, file := range []string{"article/file-one.yaml", "article/file-two.yaml", "order-processing/mesh.yaml", "fan-out-join/mesh.yaml"} {
		t.Run(filepath.Dir(file), func(t *testing.T) {
			b, problems := source.Load(filepath.Join("..", "..", "samples", file), source.Options{Cluster: true})
			if b.Plan == nil {
				t.Fatal(problems)
			}
			state := desired.Of(b.Plan, settings(), desired.Found{})
			valid(t, state)
			for _, n := range state.Notes {
				t.Logf("%+v", n)
			}
		})
	}
}
