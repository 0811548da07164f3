package dapr_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// engine tells which types its components are of, and keeps how it was asked
// to write.
type engine struct {
	runtimev1.UnimplementedDaprServer
	mu     sync.Mutex
	types  map[string]string
	silent error // answers GetMetadata, if set
	asked  int
	writes []string
	refuse error
}

func (e *engine) GetMetadata(context.Context, *runtimev1.GetMetadataRequest) (*runtimev1.GetMetadataResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	answer := &runtimev1.GetMetadataResponse{}
	for name, typ := range e.types {
		answer.RegisteredComponents = append(answer.RegisteredComponents, &runtimev1.RegisteredComponents{Name: name, Type: typ})
	}
	return answer, e.silent
}

func (e *engine) note(op string, i *commonv1.StateItem) {
	e.writes = append(e.writes, op+" "+i.GetKey()+" etag="+i.GetEtag().GetValue()+" "+i.GetOptions().GetConcurrency().String()[len("CONCURRENCY_"):])
}

func (e *engine) SaveState(_ context.Context, r *runtimev1.SaveStateRequest) (*emptypb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.note("save", r.GetStates()[0])
	return &emptypb.Empty{}, e.refuse
}

func (e *engine) ExecuteStateTransaction(_ context.Context, r *runtimev1.ExecuteStateTransactionRequest) (*emptypb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, op := range r.GetOperations() {
		e.note(op.GetOperationType(), op.GetRequest())
	}
	return &emptypb.Empty{}, e.refuse
}

func (e *engine) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	writes := e.writes
	e.writes = nil
	return writes
}

func (e *engine) dial(t *testing.T) *dapr.Backend {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	s := grpc.NewServer()
	runtimev1.RegisterDaprServer(s, e)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	b, err := dapr.Dial("127.0.0.1:1", "", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.Close()
		s.Stop()
		<-done
	})
	return b
}

func TestHowWritesAreAsked(t *testing.T) {
	create := component.Write{Key: "c", Create: true}
	matched := component.Write{Key: "m", ETag: "7"}
	cases := map[string]struct {
		reason string
		store  string
		writes []component.Write
		want   []string
	}{
		"plain":              {"the last one wins", "sql", []component.Write{{Key: "p"}}, []string{"save p etag= LAST_WRITE"}},
		"etag":               {"with last-write, Redis would not compare it", "redis", []component.Write{matched}, []string{"save m etag=7 UNSPECIFIED"}},
		"create":             {"first-write without an etag is a new key", "sql", []component.Write{create}, []string{"save c etag= FIRST_WRITE"}},
		"create on Redis":    {"an etag that no key has is a new key", "redis", []component.Write{create}, []string{"save c etag=-1 UNSPECIFIED"}},
		"together":           {"a transaction says the same", "sql", []component.Write{create, matched, {Key: "d", Delete: true, ETag: "8"}}, []string{"upsert c etag= FIRST_WRITE", "upsert m etag=7 UNSPECIFIED", "delete d etag=8 UNSPECIFIED"}},
		"together, on Redis": {"a transaction says the same", "redis", []component.Write{create, matched}, []string{"upsert c etag=-1 UNSPECIFIED", "upsert m etag=7 UNSPECIFIED"}},
		"nothing":            {"nothing is asked", "sql", nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := &engine{types: map[string]string{"sql": "state.sqlite", "redis": "state.redis"}}
			if err := e.dial(t).Apply(t.Context(), tc.store, tc.writes); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, e.take()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTypesAreAskedForOnce(t *testing.T) {
	e := &engine{types: map[string]string{"s": "state.redis"}}
	b := e.dial(t)
	create := []component.Write{{Key: "c", Create: true}}
	for range 3 {
		if err := b.Apply(t.Context(), "s", create); err != nil {
			t.Fatal(err)
		}
	}
	if e.asked != 1 {
		t.Errorf("asked %d times", e.asked)
	}

	// The mesh file has changed, and the store with it: the etag fails there.
	e.mu.Lock()
	e.types, e.refuse = map[string]string{"s": "state.embedded"}, status.Error(codes.Aborted, "possible etag mismatch")
	e.mu.Unlock()
	if err := b.Apply(t.Context(), "s", create); !errors.Is(err, component.ErrConflict) {
		t.Errorf("Apply = %v", err)
	}
	e.take()
	_ = b.Apply(t.Context(), "s", create)
	if diff := cmp.Diff([]string{"save c etag= FIRST_WRITE"}, e.take()); diff != "" {
		t.Errorf("the next try: -want +got:\n%s", diff)
	}
}

func TestTypesThatAreNotTold(t *testing.T) {
	for code, asked := range map[codes.Code]int{codes.Unimplemented: 1, codes.Unavailable: 2} {
		e := &engine{silent: status.Error(code, "no")}
		b := e.dial(t)
		for range 2 {
			if err := b.Apply(t.Context(), "s", []component.Write{{Key: "c", Create: true}}); err != nil {
				t.Fatal(err)
			}
		}
		if e.asked != asked {
			t.Errorf("%v: asked %d times, want %d", code, e.asked, asked)
		}
		if diff := cmp.Diff([]string{"save c etag= FIRST_WRITE", "save c etag= FIRST_WRITE"}, e.take()); diff != "" {
			t.Errorf("%v: -want +got:\n%s", code, diff)
		}
	}
}
