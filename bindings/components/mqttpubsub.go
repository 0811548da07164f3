package components

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	mqttpubsub "github.com/dapr/components-contrib/pubsub/mqtt3"
	"github.com/dapr/kit/logger"
	kitmd "github.com/dapr/kit/metadata"
	kitstrings "github.com/dapr/kit/strings"
)

// mqttBus is pubsub.mqtt3, with the metadata of that of components-contrib,
// which connects when it opens and says what it wants with a message later: a
// server sends what it kept for a session as soon as the client has connected,
// and what comes before the component subscribes, or for a topic to which no one
// subscribes any more, is never acknowledged, until the server has as many in
// flight as it allows and sends no more.
//
// Here each subscription has a session of its own, which connects with its
// handler. Its client id is made of consumer and topic, so that the session is
// the same after a restart. What publishes has a connection without a session,
// by another name each time, so that no two throw each other out.
type mqttBus struct {
	log logger.Logger
	md  mqttSettings

	// connecting is held while the connection that publishes is made.
	connecting sync.Mutex

	mu        sync.Mutex
	publisher mqtt.Client
	closed    chan struct{}
	wg        sync.WaitGroup
}

// mqttSettings are the metadata; names and defaults are components-contrib's.
type mqttSettings struct {
	URL          string `mapstructure:"url"`
	ConsumerID   string `mapstructure:"consumerID"`
	Qos          byte   `mapstructure:"qos"`
	Retain       bool   `mapstructure:"retain"`
	CleanSession bool   `mapstructure:"cleanSession"`

	props map[string]string
}

const (
	// mqttWait bounds the wait for the server's answers.
	mqttWait = 20 * time.Second
	// mqttGoodbye is what a client gets to take its leave, and mqttLast what
	// handlers get before to return and the server to answer.
	mqttGoodbye = 100 * time.Millisecond
	mqttLast    = time.Second
	// mqttReconnect is the longest pause between attempts to connect anew.
	mqttReconnect = 10 * time.Second
	// mqttRefused is the answer of a server that does not take a subscription.
	mqttRefused = 0x80
)

func newMQTT(log logger.Logger) pubsub.PubSub {
	return &mqttBus{log: log, closed: make(chan struct{})}
}

// Init reads the metadata. That the server is there has been seen (mqttGreet);
// connections are made when they are needed.
func (m *mqttBus) Init(_ context.Context, md pubsub.Metadata) error {
	s := mqttSettings{Qos: 1}
	if err := kitmd.DecodeMetadata(md.Properties, &s); err != nil {
		return err
	}
	switch {
	case s.ConsumerID == "":
		return errors.New("metadata consumerID is missing")
	case s.Qos > 2:
		return fmt.Errorf("metadata qos: %d is not 0, 1 or 2", s.Qos)
	}
	s.props = md.Properties
	if _, err := mqttOptions(s.props); err != nil {
		return err
	}
	m.md = s
	return nil
}

// Features says that topics may hold + and #.
func (m *mqttBus) Features() []pubsub.Feature {
	return []pubsub.Feature{pubsub.FeatureSubscribeWildcards}
}

// GetComponentMetadata tells of the metadata that may be set.
func (m *mqttBus) GetComponentMetadata() metadata.MetadataMap {
	return part{pubsub: mqttpubsub.NewMQTTPubSub(m.log)}.metadata()
}

// Publish returns nil once the server has the message, as far as qos says so.
// Metadata retain of the request overrules that of the component.
func (m *mqttBus) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	if req.Topic == "" {
		return pubsub.NewTerminalError(errors.New("the topic has no name"))
	}
	retain := m.md.Retain
	if v := req.Metadata["retain"]; v != "" {
		var err error
		if retain, err = strconv.ParseBool(v); err != nil {
			return pubsub.NewTerminalError(fmt.Errorf("metadata retain: %q is neither true nor false", v))
		}
	}
	c, err := m.connected(ctx)
	if err == nil {
		err = m.answer(ctx, c.Publish(req.Topic, m.md.Qos, retain, req.Data))
	}
	switch {
	case errors.Is(err, errBusClosed):
		return pubsub.NewTerminalError(err)
	case err != nil:
		return pubsub.NewRetriableError(err)
	}
	return nil
}

// connected gives the connection that publishes, which the first publish makes.
func (m *mqttBus) connected(ctx context.Context) (mqtt.Client, error) {
	m.connecting.Lock()
	defer m.connecting.Unlock()
	m.mu.Lock()
	c := m.publisher
	m.mu.Unlock()
	if m.isClosed() {
		return nil, errBusClosed
	}
	if c != nil {
		return c, nil
	}
	c, err := m.client(m.md.ConsumerID+"-"+rand.Text()[:8], func(o *mqtt.ClientOptions) { o.SetCleanSession(true) })
	if err != nil {
		return nil, err
	}
	if err := m.answer(ctx, c.Connect()); err != nil {
		c.Disconnect(0)
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		c.Disconnect(0)
		return nil, errBusClosed
	}
	m.publisher = c
	return c, nil
}

func (m *mqttBus) client(id string, edit func(*mqtt.ClientOptions)) (mqtt.Client, error) {
	o, err := mqttOptions(m.md.props)
	if err != nil {
		return nil, err
	}
	o.SetClientID(id).SetConnectTimeout(mqttWait).
		// Handlers take their time, and acknowledge when they are done.
		SetOrderMatters(false).SetAutoAckDisabled(true).
		SetAutoReconnect(true).SetMaxReconnectInterval(mqttReconnect).SetConnectRetry(false)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		m.log.Warnf("the connection of %s is lost, and is made anew (if that goes on, another client has the same id): %v", id, err)
	})
	edit(o)
	return mqtt.NewClient(o), nil
}

// answer waits for the server.
func (m *mqttBus) answer(ctx context.Context, t mqtt.Token) error {
	timer := time.NewTimer(mqttWait)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return fmt.Errorf("the server does not answer within %s", mqttWait)
	case <-m.closed:
		return errBusClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Subscribe delivers to handler until ctx ends. The server then keeps what comes
// for the next time, unless cleanSession or the request's unsubscribeOnClose is
// true. What handler returns an error for comes again with the next connection.
func (m *mqttBus) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	if req.Topic == "" {
		return errors.New("the topic has no name")
	}
	id := durable(m.md.ConsumerID, req.Topic)
	held, err := mqttIDs.enter(ctx, m.closed, m.md.URL+" "+id, takeOver)
	if err != nil {
		return err
	}
	subscribe := func(c mqtt.Client) error {
		token := c.Subscribe(req.Topic, m.md.Qos, nil)
		if err := m.answer(ctx, token); err != nil {
			return fmt.Errorf("subscribe to %s: %w", req.Topic, err)
		}
		if t, ok := token.(*mqtt.SubscribeToken); ok && t.Result()[req.Topic] == mqttRefused {
			return fmt.Errorf("subscribe to %s: the server refuses it; do its access rules allow it?", req.Topic)
		}
		return nil
	}
	var (
		first sync.Once
		hands hands
	)
	c, err := m.client(id, func(o *mqtt.ClientOptions) {
		o.SetCleanSession(m.md.CleanSession)
		o.SetDefaultPublishHandler(func(_ mqtt.Client, in mqtt.Message) {
			if hands.enter() {
				defer hands.leave()
				m.take(ctx, in, handler)
			}
		})
		o.SetOnConnectHandler(func(c mqtt.Client) {
			again := true
			first.Do(func() { again = false })
			if !again {
				return
			}
			// A server that lost its sessions does not know the subscription.
			if err := subscribe(c); err != nil && ctx.Err() == nil {
				m.log.Warn(err)
			}
		})
	})
	if err == nil {
		if err = m.answer(ctx, c.Connect()); err == nil {
			err = subscribe(c)
		}
		if err != nil {
			c.Disconnect(0)
		}
	}
	if err != nil {
		held.done()
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		c.Disconnect(0)
		held.done()
		return errBusClosed
	}
	forget := m.md.CleanSession || kitstrings.IsTruthy(req.Metadata["unsubscribeOnClose"])
	m.wg.Go(func() {
		defer held.done()
		last := nothing
		select {
		case <-ctx.Done():
			if forget {
				last = req.Topic
			}
		case <-m.closed:
		case <-held.asked:
			m.log.Debugf("another connection takes over the session %s", id)
		}
		timer := time.NewTimer(mqttLast)
		defer timer.Stop()
		select {
		case <-hands.end():
			// The answer says that the server has the acknowledgements before it.
			select {
			case <-c.Unsubscribe(last).Done():
			case <-timer.C:
			}
		case <-timer.C:
		}
		c.Disconnect(uint(mqttGoodbye.Milliseconds()))
	})
	return nil
}

// nothing is a topic to which no one subscribes. A server answers who gives it
// up all the same (MQTT 3.1.1, 3.10.4). Another connection with the same client
// id has some servers forget what they have not yet read from the one before,
// acknowledgements among it.
const nothing = "weft/nothing"

// hands counts the messages in hand, until it ends: then it takes no more.
type hands struct {
	mu    sync.Mutex
	n     int
	ended bool
	empty chan struct{}
}

func (h *hands) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.n++
	return true
}

func (h *hands) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n--; h.n == 0 && h.ended {
		close(h.empty)
	}
}

// end is called once. The channel closes when nothing is in hand any more.
func (h *hands) end() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended, h.empty = true, make(chan struct{})
	if h.n == 0 {
		close(h.empty)
	}
	return h.empty
}

func (m *mqttBus) take(ctx context.Context, in mqtt.Message, handler pubsub.Handler) {
	err := handler(ctx, &pubsub.NewMessage{
		Topic: in.Topic(), Data: in.Payload(), Metadata: map[string]string{"retained": strconv.FormatBool(in.Retained())},
	})
	if err != nil {
		m.log.Errorf("a message of topic %s was not handled: %v", in.Topic(), err)
		return
	}
	in.Ack()
}

func (m *mqttBus) isClosed() bool {
	select {
	case <-m.closed:
		return true
	default:
		return false
	}
}

// Close ends the subscriptions and disconnects.
func (m *mqttBus) Close() error {
	m.mu.Lock()
	if m.isClosed() {
		m.mu.Unlock()
		return nil
	}
	close(m.closed)
	p := m.publisher
	m.mu.Unlock()
	if p != nil {
		p.Disconnect(uint(mqttGoodbye.Milliseconds()))
	}
	m.wg.Wait()
	return nil
}
