package unary_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weftmesh/weft/runtime/internal/unary"
)

// handler answers calls of the method Do of a service of grpc-go, which is the
// other side that this client has to get on with.
type handler func(ctx context.Context, in []byte) ([]byte, error)

const do = "/test.Service/Do"

// serve serves on l until the test ends or stop is called.
func serve(t *testing.T, l net.Listener, h handler, opts ...grpc.ServerOption) *grpc.Server {
	t.Helper()
	s := grpc.NewServer(opts...)
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "test.Service", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Do",
		Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in wrapperspb.BytesValue
			if err := decode(&in); err != nil {
				return nil, err
			}
			out, err := h(ctx, in.GetValue())
			return wrapperspb.Bytes(out), err
		},
	}}}, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return s
}

func client(t *testing.T, dial func(context.Context) (net.Conn, error)) *unary.Client {
	t.Helper()
	c := &unary.Client{Dial: dial, Scheme: "http", Authority: "localhost", UserAgent: "test", MaxAnswer: 64 << 20}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// start serves h in memory and returns a client of it.
func start(t *testing.T, h handler, opts ...grpc.ServerOption) *unary.Client {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	serve(t, l, h, opts...)
	return client(t, l.DialContext)
}

// ask calls with a value and returns that of the answer.
func ask(ctx context.Context, c *unary.Client, in []byte, header ...unary.Header) ([]byte, error) {
	message, err := proto.Marshal(wrapperspb.Bytes(in))
	if err != nil {
		return nil, err
	}
	answer, err := c.Call(ctx, do, header, message)
	if err != nil {
		return nil, err
	}
	var out wrapperspb.BytesValue
	if err := proto.Unmarshal(answer, &out); err != nil {
		return nil, err
	}
	return out.GetValue(), nil
}

func echo(_ context.Context, in []byte) ([]byte, error) { return in, nil }

// code of an error, which must be a *Status.
func code(t *testing.T, err error) unary.Code {
	t.Helper()
	var s *unary.Status
	if !errors.As(err, &s) {
		t.Fatalf("%v (%T) is no status", err, err)
	}
	return s.Code
}

func TestSizes(t *testing.T) {
	for name, opts := range map[string][]grpc.ServerOption{
		"as it is":      nil,
		"small windows": {grpc.StaticStreamWindowSize(64 << 10), grpc.StaticConnWindowSize(64 << 10)},
		"large windows": {grpc.StaticStreamWindowSize(1 << 20), grpc.StaticConnWindowSize(4 << 20)},
		"one at a time": {grpc.MaxConcurrentStreams(1)},
		"no memory":     {grpc.MaxHeaderListSize(1 << 20), grpc.HeaderTableSize(0)},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, echo, append(opts, grpc.MaxRecvMsgSize(8<<20))...)
			var wg sync.WaitGroup
			for i, n := range []int{0, 1, 5, 16 << 10, 16<<10 + 1, 64 << 10, 200_000, 1 << 20, 4 << 20} {
				wg.Go(func() {
					in := bytes.Repeat([]byte{byte(i + 1)}, n)
					for range 3 {
						if out, err := ask(t.Context(), c, in, unary.Header{Name: "x-n", Value: fmt.Sprint(n)}); err != nil || !bytes.Equal(in, out) {
							t.Errorf("%d bytes: %d came back, %v", n, len(out), err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestMany: windows are given back, and no call takes another's answer.
func TestMany(t *testing.T) {
	c := start(t, echo)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 200 {
				in := fmt.Appendf(nil, "%d-%d-%s", g, i, strings.Repeat("x", i*37))
				if out, err := ask(t.Context(), c, in); err != nil || !bytes.Equal(in, out) {
					t.Errorf("%.20q: %.20q, %v", in, out, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestHeaders(t *testing.T) {
	var got metadata.MD
	c := start(t, func(ctx context.Context, _ []byte) ([]byte, error) {
		got, _ = metadata.FromIncomingContext(ctx)
		deadline, ok := ctx.Deadline()
		return fmt.Append(nil, ok && time.Until(deadline) > 50*time.Minute && time.Until(deadline) <= time.Hour), nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	long := strings.Repeat("long ", 10_000) // more than a frame
	for range 3 {                           // the second time they are known
		out, err := ask(ctx, c, nil, unary.Header{Name: "token", Value: "secret"}, unary.Header{Name: "trace", Value: "t", Varies: true}, unary.Header{Name: "long", Value: long})
		if err != nil || string(out) != "true" {
			t.Fatalf("the deadline goes with the call: %s, %v", out, err)
		}
		for name, want := range map[string]string{"token": "secret", "trace": "t", "long": long, "user-agent": "test", ":authority": "localhost", "content-type": "application/grpc"} {
			if v := got.Get(name); len(v) != 1 || v[0] != want {
				t.Errorf("%s: %.50q, want %.50q", name, v, want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	c := start(t, func(_ context.Context, in []byte) ([]byte, error) {
		switch string(in) {
		case "text":
			return nil, status.Error(codes.Aborted, "100 %, \u00fcber\nline\x7f%zz%")
		case "details":
			s, err := status.New(codes.FailedPrecondition, "no").WithDetails(&errdetails.ErrorInfo{Reason: "WHY"})
			return nil, errors.Join(s.Err(), err)
		case "large":
			return make([]byte, 5<<20), nil
		}
		return nil, errors.New("own")
	})
	c.MaxAnswer = 4 << 20
	_, err := ask(t.Context(), c, []byte("text"))
	if code(t, err) != unary.Aborted || err.Error() != "100 %, \u00fcber\nline\x7f%zz% (Aborted)" {
		t.Errorf("%q", err)
	}
	_, err = ask(t.Context(), c, []byte("details"))
	var s *unary.Status
	var told rpcstatus.Status
	if code(t, err) != unary.FailedPrecondition || !errors.As(err, &s) || proto.Unmarshal(s.Details, &told) != nil || len(told.GetDetails()) != 1 {
		t.Errorf("details are lost: %v, %q", err, s.Details)
	}
	if _, err := ask(t.Context(), c, nil); code(t, err) != unary.Unknown {
		t.Errorf("an error that is no status: %v", err)
	}
	if _, err := c.Call(t.Context(), "/test.Service/Else", nil, nil); code(t, err) != unary.Unimplemented {
		t.Errorf("an unknown method: %v", err)
	}
	if _, err := ask(t.Context(), c, make([]byte, 5<<20)); code(t, err) != unary.ResourceExhausted || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("more than the server takes: %v", err)
	}
	if _, err := ask(t.Context(), c, []byte("large")); code(t, err) != unary.ResourceExhausted || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("more than the client takes: %v", err)
	}
	if _, err := ask(t.Context(), c, []byte("text")); code(t, err) != unary.Aborted {
		t.Errorf("and the connection goes on: %v", err)
	}
}

func TestTimeIsUp(t *testing.T) {
	entered, given := make(chan struct{}, 1), make(chan error, 1)
	c := start(t, func(ctx context.Context, in []byte) ([]byte, error) {
		if len(in) > 0 {
			return in, nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		given <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	if _, err := ask(ctx, c, nil); code(t, err) != unary.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("the server does not learn of it: %v", err)
	}
	if _, err := ask(ctx, c, nil); code(t, err) != unary.Canceled {
		t.Errorf("before it began: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := ask(short, c, nil); code(t, err) != unary.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if out, err := ask(t.Context(), c, []byte("x")); string(out) != "x" || err != nil {
		t.Errorf("the connection goes on: %q, %v", out, err)
	}
}

// TestServerAgain: a server that ends and comes back is found again. One that
// ends in an orderly way costs no call.
func TestServerAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	c := client(t, func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", at) })
	entered, proceed := make(chan struct{}), make(chan struct{})
	s := serve(t, l, func(_ context.Context, in []byte) ([]byte, error) {
		if string(in) == "slow" {
			close(entered)
			<-proceed
		}
		return in, nil
	})
	slow := make(chan error)
	go func() {
		_, err := ask(t.Context(), c, []byte("slow"))
		slow <- err
	}()
	<-entered
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.GracefulStop()
	}()
	// It takes no calls any more, and finishes the one that it has.
	for {
		if _, err := ask(t.Context(), c, nil); err != nil {
			if code(t, err) != unary.Unavailable {
				t.Errorf("while the server ends: %v", err)
			}
			break
		}
	}
	close(proceed)
	if err := <-slow; err != nil {
		t.Errorf("a call under way: %v", err)
	}
	<-ended
	if l, err = net.Listen("tcp", at); err != nil {
		t.Skip("another program has taken the port:", err)
	}
	serve(t, l, echo)
	if out, err := ask(t.Context(), c, []byte("again")); string(out) != "again" || err != nil {
		t.Errorf("after it came back: %q, %v", out, err)
	}
}

// TestOrderlyEnd: calls that meet the end of a connection are made on the next
// one, as long as there is a server.
func TestOrderlyEnd(t *testing.T) {
	var mu sync.Mutex
	var l *bufconn.Listener
	var s *grpc.Server
	renew := func() {
		fresh := bufconn.Listen(1 << 16)
		server := serve(t, fresh, echo)
		mu.Lock()
		old := s
		l, s = fresh, server
		mu.Unlock()
		if old != nil {
			old.GracefulStop()
		}
	}
	renew()
	c := client(t, func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		return l.DialContext(ctx)
	})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := ask(t.Context(), c, []byte("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		renew()
	}
	close(done)
	wg.Wait()
}

func TestNoServer(t *testing.T) {
	c := client(t, func(context.Context) (net.Conn, error) { return nil, errors.New("nobody there") })
	if _, err := ask(t.Context(), c, nil); code(t, err) != unary.Unavailable || !strings.Contains(err.Error(), "nobody there") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	slow := client(t, func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
	if _, err := ask(ctx, slow, nil); code(t, err) != unary.DeadlineExceeded {
		t.Errorf("who calls does not wait longer than it may: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ask(t.Context(), c, nil); code(t, err) != unary.Canceled {
		t.Errorf("after Close: %v", err)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 16)
	serve(t, l, echo, grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	c := client(t, func(ctx context.Context) (net.Conn, error) {
		raw, err := l.DialContext(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
		return conn, conn.HandshakeContext(ctx)
	})
	c.Scheme = "https"
	if out, err := ask(t.Context(), c, []byte("x")); string(out) != "x" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func BenchmarkCall(b *testing.B) {
	l := bufconn.Listen(1 << 16)
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		var in wrapperspb.BytesValue
		if err := s.RecvMsg(&in); err != nil {
			return err
		}
		return s.SendMsg(&in)
	}))
	go func() { _ = s.Serve(l) }()
	defer s.Stop()
	c := &unary.Client{Dial: l.DialContext, Scheme: "http", Authority: "localhost", MaxAnswer: 1 << 20}
	defer func() { _ = c.Close() }()
	message, err := proto.Marshal(wrapperspb.Bytes(make([]byte, 200)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Call(b.Context(), do, nil, message); err != nil {
			b.Fatal(err)
		}
	}
}
