package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/dapr/components-contrib/pubsub"
)

func rabbitOf(t *testing.T, at string) pubsub.PubSub {
	t.Helper()
	s := open(t, Config{}, fmt.Sprintf(`
    - {name: events, type: pubsub.rabbitmq, metadata: [{name: connectionString, value: "%s"}, {name: publisherConfirm, value: "true"},
        {name: reconnectWaitSeconds, value: "0"}, {name: deletedWhenUnused, value: "false"}]}`, at))
	return s.PubSub("events").Publisher()
}

// TestRealRabbitRefuses has a queue that is full refuse what is published.
func TestRealRabbitRefuses(t *testing.T) {
	at := real(t, "WEFT_TEST_RABBITMQ")
	p, topic, free := rabbitOf(t, at), unique(), unique()
	publish(t, p, topic, "makes the exchange")
	conn, err := amqp.Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	const room = 3
	if _, err := ch.QueueDeclare(topic, false, true, false, false, amqp.Table{"x-max-length": room, "x-overflow": "reject-publish"}); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(topic, "", topic, false, nil); err != nil {
		t.Fatal(err)
	}
	// All at once, and others to a topic whose queue has room: each is told of
	// its own message.
	const each = 16
	var (
		all     sync.WaitGroup
		refused = make(chan error, each)
		taken   = make(chan struct{}, each)
	)
	for i := range each {
		all.Go(func() {
			err := p.Publish(t.Context(), &pubsub.PublishRequest{Topic: topic, Data: []byte(fmt.Sprint(i))})
			switch {
			case err == nil:
				taken <- struct{}{}
			case errors.Is(err, errUnconfirmed):
				refused <- err
			default:
				t.Errorf("Publish: %v", err)
			}
		})
		all.Go(func() {
			if err := p.Publish(t.Context(), &pubsub.PublishRequest{Topic: free, Data: []byte(fmt.Sprint(i))}); err != nil {
				t.Errorf("a publish to a topic with room: %v", err)
			}
		})
	}
	all.Wait()
	q, err := ch.QueueDeclarePassive(topic, false, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(taken) != q.Messages || len(taken)+len(refused) != each || len(refused) == 0 {
		t.Errorf("%d publishes have no error and the queue holds %d of %d, %d are refused", len(taken), q.Messages, each, len(refused))
	}
}

// proxy stands between a client and a server.
type proxy struct {
	listener net.Listener
	server   string

	mu sync.Mutex
	// deaf has the answers of the server go nowhere, and the connection end with
	// the next that the client says.
	deaf  bool
	conns []net.Conn
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server}
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			go p.pass(out, in, func() bool { return p.isDeaf() })
			go p.pass(in, out, nil)
		}
	}()
	return p
}

// pass copies from one side to the other, and ends both after a piece for which
// last is true.
func (p *proxy) pass(to, from net.Conn, last func() bool) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && (last != nil || !p.isDeaf()) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil || n > 0 && last != nil && last() {
			return
		}
	}
}

func (p *proxy) isDeaf() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf
}

func (p *proxy) setDeaf(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// TestRealRabbitDrops has the connection end before the server's confirmation
// arrives.
func TestRealRabbitDrops(t *testing.T) {
	u, err := url.Parse(real(t, "WEFT_TEST_RABBITMQ"))
	if err != nil {
		t.Fatal(err)
	}
	through := newProxy(t, u.Host)
	u.Host = through.listener.Addr().String()
	p, topic := rabbitOf(t, u.String()), unique()
	publish(t, p, topic, "makes the exchange")
	through.setDeaf(true)
	err = p.Publish(t.Context(), &pubsub.PublishRequest{Topic: topic, Data: []byte("lost")})
	if err == nil {
		t.Error("a message is published that no server confirmed")
	}
	through.setDeaf(false)
	eventually(t, "publish once the connection is back", func(ctx context.Context) error {
		return p.Publish(ctx, &pubsub.PublishRequest{Topic: topic, Data: []byte("found")})
	})
}

// silent never says whether it published.
type silent struct {
	pubsub.PubSub
	begun, end chan struct{}
	err        error
}

func (s *silent) Publish(context.Context, *pubsub.PublishRequest) error {
	s.begun <- struct{}{}
	<-s.end
	return s.err
}

// TestRabbitWaits: a server that does not answer holds up its callers for as
// long as they want, and one failure is not waited for by each.
func TestRabbitWaits(t *testing.T) {
	s := &silent{begun: make(chan struct{}), end: make(chan struct{}), err: io.ErrUnexpectedEOF}
	r := &rabbit{PubSub: s, confirms: true, lines: make(map[string]*line)}
	req := &pubsub.PublishRequest{Topic: "orders"}
	ctx, giveUp := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- r.Publish(ctx, req) }()
	<-s.begun
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up has %v", err)
	}
	if err := r.Publish(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("one that gave up while it waited has %v", err)
	}
	_, broken := r.line("orders")
	close(s.end)
	<-broken
}
