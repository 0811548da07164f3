package daprbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/dapr/components-contrib/pubsub"
)

// line publishes to an MQTT server in place of the component. A server confirms
// what it is sent whether or not anyone has subscribed, and forgets it if no one
// has. The component's client connects anew by itself, and first of all sends
// again what was not confirmed: after a restart of the server that may be before
// the engine's sessions have subscribed. A line sends nothing by a connection
// before the queue's subscription stands for it, and nothing twice: what was on
// its way when the connection ended has failed.
type line struct {
	pubsub.PubSub // none: only Publish is used
	b             *Broker
	id            string
	props         map[string]string
	// connecting is full while a connection is made.
	connecting chan struct{}

	mu     sync.Mutex
	conn   *mqttConn // nil if there was none yet
	failed time.Time
	cause  error // of the latest failure
	closed bool
}

// mqttConn is a connection; it is never made anew.
type mqttConn struct {
	number uint64
	client mqtt.Client
	lost   chan struct{}
}

const (
	// linePatience is for how long a publish waits for a server that is away:
	// long enough for it to be restarted.
	linePatience = 5 * time.Second
	// lineConnect bounds one attempt, lineWrite how long a server may take
	// nothing.
	lineConnect = 5 * time.Second
	lineWrite   = 10 * time.Second
	// Pauses between attempts.
	linePause     = 50 * time.Millisecond
	linePauseMost = time.Second
)

func newLine(b *Broker, id string, props map[string]string) *line {
	return &line{b: b, id: id, props: props, connecting: make(chan struct{}, 1)}
}

var errLost = errors.New("the connection was lost before the server confirmed")

// Publish returns nil once the server has the message, and a subscription that
// it is for.
func (l *line) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	q, err := l.b.queue(strings.TrimPrefix(req.Topic, l.b.topic("")))
	if err != nil {
		return err
	}
	w, err := l.connected(ctx)
	if err != nil {
		return err
	}
	if err := q.stand(ctx, w.number); err != nil {
		return fmt.Errorf("the server has not confirmed the engine's own subscription since it was connected to: %w", err)
	}
	token := w.client.Publish(req.Topic, mqttQoS, false, req.Data)
	select {
	case <-token.Done():
		return token.Error()
	case <-w.lost:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	case <-l.b.done:
		return errClosing
	}
}

// connected gives a connection that was open a moment ago.
func (l *line) connected(ctx context.Context) (*mqttConn, error) {
	began := time.Now()
	if w, err := l.have(time.Time{}); w != nil || err != nil {
		return w, err
	}
	select {
	case l.connecting <- struct{}{}:
		defer func() { <-l.connecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.b.done:
		return nil, errClosing
	}
	// Another may have made one meanwhile, or tried for long enough.
	if w, err := l.have(began); w != nil || err != nil {
		return w, err
	}
	w, err := l.try(ctx, began.Add(linePatience))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed, l.cause = time.Now(), err
		return nil, err
	}
	if l.closed {
		w.client.Disconnect(0)
		return nil, errClosing
	}
	l.conn = w
	return w, nil
}

// have gives the connection, if it is open, or why there is none if that turned
// out after since, unless that is zero.
func (l *line) have(since time.Time) (*mqttConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errClosing
	case l.conn != nil && l.conn.client.IsConnectionOpen():
		return l.conn, nil
	case !since.IsZero() && l.failed.After(since):
		return nil, l.cause
	}
	return nil, nil
}

// try makes a connection, and goes on trying until then.
func (l *line) try(ctx context.Context, until time.Time) (*mqttConn, error) {
	for pause := linePause; ; pause = min(2*pause, linePauseMost) {
		w, err := l.dial(ctx)
		if err == nil {
			return w, nil
		}
		if time.Now().Add(pause).After(until) || l.b.ctx.Err() != nil || !sleep(ctx, pause) {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
}

func (l *line) dial(ctx context.Context) (*mqttConn, error) {
	// A name of its own each time: the server may not have noticed yet that the
	// one before has ended.
	o, err := mqttOptions(l.props, l.id+"_"+rand.Text()[:8])
	if err != nil {
		return nil, err
	}
	w := &mqttConn{lost: make(chan struct{})}
	o.SetCleanSession(true).SetConnectTimeout(lineConnect).SetWriteTimeout(lineWrite)
	o.SetConnectionLostHandler(func(mqtt.Client, error) { close(w.lost) })
	w.client = mqtt.NewClient(o)
	if err := answer(ctx, w.client.Connect()); err != nil {
		w.client.Disconnect(0)
		return nil, err
	}
	w.number = l.b.joined.Add(1)
	return w, nil
}

// Close disconnects.
func (l *line) Close() error {
	l.mu.Lock()
	w := l.conn
	l.closed = true
	l.mu.Unlock()
	if w != nil {
		w.client.Disconnect(uint(mqttGoodbye.Milliseconds()))
	}
	return nil
}
