package dataplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/scalers"
)

// KEDA asks one front, and an event that another one routed wakes the function;
// when that front goes, the stream ends well.
func TestFrontTellsKEDA(t *testing.T) {
	c := newCluster(t, "keda", nil)
	asked, stop := c.start(c.options(RoleFront))
	other, _ := c.start(c.options(RoleFront))
	conn, err := grpc.NewClient(asked.Scaler, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keda := pb.NewExternalScalerClient(conn)
	ref := &pb.ScaledObjectRef{Name: "shop-notify-user", ScalerMetadata: scalers.Push(asked.Scaler, scalers.Pushed{
		Queues: []scalers.Watched{{Queue: "notify-user", Target: 10}},
	}).Metadata}
	stream, err := keda.StreamIsActive(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if active, err := keda.IsActive(t.Context(), ref); err != nil || active.GetResult() {
		t.Errorf("an empty queue is active: %v, %v", active.GetResult(), err)
	}
	if code, text := c.post("http://"+other.HTTP+"/orders", `{"id": "o1"}`); code != http.StatusOK {
		t.Fatalf("the order was answered %d: %s", code, text)
	}
	if got, err := stream.Recv(); err != nil || !got.GetResult() {
		t.Fatalf("KEDA was told %v, %v", got.GetResult(), err)
	}
	c.eventually("the event is counted", func() bool {
		metrics, err := keda.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref})
		if err != nil {
			t.Fatal(err)
		}
		return metrics.GetMetricValues()[0].GetMetricValueFloat() == 0.1
	})
	if got := c.called("notify-user"); got != 0 {
		t.Errorf("fronts called it %d times: its own dispatcher is to", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

// KEDA makes nothing of a ScaledObject whose scaler does not answer, and comes
// again ever later: a front answers what it can while it waits for its broker,
// and tells of what waits there when that comes.
func TestFrontAnswersKEDABeforeItsBroker(t *testing.T) {
	c := newCluster(t, "keda", nil)
	before, stop := c.start(c.options(RoleFront))
	c.order(before, "o1")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	c.stopNATS()
	o := c.options(RoleFront)
	o.Scaler = freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	conn, err := grpc.NewClient(o.Scaler, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keda := pb.NewExternalScalerClient(conn)
	ref := &pb.ScaledObjectRef{Name: "shop-notify-user", ScalerMetadata: scalers.Push(o.Scaler, scalers.Pushed{
		Queues: []scalers.Watched{{Queue: "notify-user", Target: 10}},
	}).Metadata}
	if _, err := keda.GetMetricSpec(t.Context(), ref, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	if _, err := keda.IsActive(t.Context(), ref); status.Code(err) != codes.Unavailable {
		t.Errorf("what waits is not known: %v", err)
	}
	stream, err := keda.StreamIsActive(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	c.restartNATS(c.storeDir)
	if got, err := stream.Recv(); err != nil || !got.GetResult() {
		t.Errorf("KEDA was told %v, %v", got.GetResult(), err)
	}
}

func TestDispatchersTellKEDANothing(t *testing.T) {
	c := newCluster(t, "knative", nil)
	at, _ := c.start(c.options(RoleDispatcher))
	if at.Scaler != "" {
		t.Errorf("a dispatcher serves KEDA at %s", at.Scaler)
	}
}
