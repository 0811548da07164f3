package jetstream

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/delivery/brokertest"
)

var embedded = brokertest.Suite{
	Place: func(t *testing.T) string { return t.TempDir() },
	Open: func(ctx context.Context, place string, o brokertest.Options) (delivery.Broker, error) {
		return Start(ctx, Options{
			Dir: place, Namespace: "default", Mesh: "shop",
			MaxBytes: o.MaxBytes, AckWait: o.AckWait,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
	},
}

func TestMain(m *testing.M) {
	brokertest.Child(embedded)
	ackerChild()
	os.Exit(m.Run())
}

func TestEmbedded(t *testing.T) { brokertest.Run(t, embedded) }
