package daprapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"time"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// DefaultMaxBody bounds a request in bytes: daprd's --max-body-size.
const DefaultMaxBody = 4 << 20

// Server serves whichever API is current over gRPC and HTTP.
type Server struct {
	use     func() (*API, func())
	maxBody int
	log     *slog.Logger
	grpc    *grpc.Server
}

// Option of NewServer.
type Option func(*Server)

// MaxBody bounds a request in bytes; DefaultMaxBody without it.
func MaxBody(n int) Option { return func(s *Server) { s.maxBody = n } }

// Logger takes what goes wrong in the server itself; slog.Default() without it.
func Logger(l *slog.Logger) Option { return func(s *Server) { s.log = l } }

// NewServer returns a server. use gives the current API, which is not replaced
// under a call: it stays until release. For a stream, Config.Topics ends it.
// While use gives nil, calls are answered Unavailable and 503.
func NewServer(use func() (api *API, release func()), opts ...Option) *Server {
	s := &Server{use: use, maxBody: DefaultMaxBody, log: slog.Default()}
	for _, o := range opts {
		o(s)
	}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(s.maxBody),
		grpc.MaxSendMsgSize(s.maxBody),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.UnknownServiceHandler(unknownService),
		// Clients may ping as they may with daprd; the server itself does not:
		// both ends are on one machine.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 8 * time.Second, PermitWithoutStream: true}),
		// Windows are fixed: to measure them costs pings.
		grpc.ReadBufferSize(4<<10),
		grpc.WriteBufferSize(16<<10),
		grpc.StaticStreamWindowSize(1<<20),
		grpc.StaticConnWindowSize(4<<20),
		// Calls run on goroutines that are there already, with stacks that have
		// grown: a tenth off the median of a call. More calls than these, and
		// streams, get their own.
		grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))),
	)
	runtimev1.RegisterDaprServer(s.grpc, front{})
	return s
}

// front is the gRPC API. It has no state: who calls is in the context.
type front struct {
	runtimev1.UnimplementedDaprServer
}

// enter finds the current API and who calls it.
func (s *Server) enter(ctx context.Context) (*call, func(), error) {
	api, release := s.use()
	if api == nil {
		if release != nil {
			release()
		}
		return nil, nil, status.Error(codes.Unavailable, "the mesh is not up yet: try again in a moment")
	}
	var token string
	if v := metadata.ValueFromIncomingContext(ctx, headerToken); len(v) > 0 {
		token = v[0]
	}
	c := api.caller(token)
	if c == nil {
		release()
		return nil, nil, unauthenticated(token)
	}
	return &call{Context: ctx, caller: c}, release, nil
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	ctx2, release, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	defer func() {
		if v := recover(); v != nil {
			resp, err = nil, s.panicked(info.FullMethod, v)
		}
	}()
	resp, err = handler(ctx2, req)
	return resp, explain(info.FullMethod, err)
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	ctx, release, err := s.enter(ss.Context())
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(info.FullMethod, v)
		}
	}()
	return explain(info.FullMethod, handler(srv, &stream{ServerStream: ss, ctx: ctx}))
}

// stream is a stream whose context knows who calls.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *stream) Context() context.Context { return s.ctx }

// panicked logs a panic with where it happened; the client learns that there
// was one.
func (s *Server) panicked(method string, v any) error {
	s.log.Error("the Dapr API panicked; this is a bug of weft or of a component", "method", method, "panic", v, "stack", string(debug.Stack()))
	return status.Error(codes.Internal, method+" failed unexpectedly: the log of weft up says where")
}

// ServeGRPC serves gRPC on l until Shutdown. It may be called for several
// listeners.
func (s *Server) ServeGRPC(l net.Listener) error {
	if err := s.grpc.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Shutdown takes no more calls over gRPC, lets those under way finish, and cuts
// them off when ctx ends, whose error it then gives. Streams are among them:
// end Config.Topics first. What serves Handler is shut down by its owner.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
		return ctx.Err()
	}
}
