package daprbroker

import (
	"context"
	"fmt"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/dapr/components-contrib/pubsub"
)

// session listens to one topic of an MQTT server in a session that the server
// keeps. It is used in place of the component's own way to subscribe, which
// connects first and says what it wants with a message then: a server sends what
// it kept for a session as soon as the client has connected, and what comes
// before the component subscribes is neither handled nor ever acknowledged, until
// the server has as many in flight as it allows and sends no more.
type session struct {
	pubsub.PubSub // none: only Subscribe is used
	b             *Broker
	id            string
	stands        *standing
	lost          func(error) // hears when the connection ends
	client        mqtt.Client
	// asking is held while the server is asked for the subscription again.
	asking sync.Mutex
}

// Subscribe hands messages on the topic to handler until close.
func (s *session) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	o, err := mqttOptions(s.b.publisher.metadata(), s.id)
	if err != nil {
		return err
	}
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		if handler(ctx, &pubsub.NewMessage{Topic: m.Topic(), Data: m.Payload()}) == nil {
			m.Ack()
		}
	})
	// The queue connects anew: the client cannot be ended in a pause of its own.
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		s.lost(fmt.Errorf("the connection was lost (if that goes on, another engine has the same client id %s, as with a copy of this one's data directory): %w", s.id, err))
	})
	s.client = mqtt.NewClient(o)
	if err := answer(ctx, s.client.Connect()); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	// Each time: a server that was restarted may have forgotten sessions or, as
	// Mosquitto does, the shared subscription of one that it kept.
	if err := s.ask(ctx, req.Topic); err != nil {
		return err
	}
	s.stands.has(func() {
		if !s.asking.TryLock() {
			return
		}
		started := s.b.background(func() {
			defer s.asking.Unlock()
			// If it fails the connection is lost, or a publisher has it tried again.
			_ = s.ask(ctx, req.Topic)
		})
		if !started {
			s.asking.Unlock()
		}
	})
	return nil
}

// ask has the server confirm the subscription.
func (s *session) ask(ctx context.Context, topic string) error {
	number := s.b.joined.Load()
	token := s.client.Subscribe(topic, mqttQoS, nil)
	if err := answer(ctx, token); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok && t.Result()[topic] > mqttQoS {
		return fmt.Errorf("subscribe to %s: the server refuses it; do its access rules allow it, and has it shared subscriptions?", topic)
	}
	s.stands.confirm(number)
	return nil
}

// Close leaves the session to the server.
func (s *session) Close() error {
	s.stands.has(nil)
	if s.client != nil {
		s.client.Disconnect(uint(mqttGoodbye.Milliseconds()))
	}
	return nil
}

// standing says whether a queue's subscription is known to stand at the server
// that a connection publishes to: whether the server has confirmed it since that
// connection was made. A restart of the server ends the connection, so that what
// is published by one for which the subscription stands has a taker. To know
// that the subscriber is connected would not do: it may hear of a restart after
// the publisher has connected anew.
type standing struct {
	mu sync.Mutex
	// number is that of the latest connection before the server was asked for
	// the subscription, which it then confirmed.
	number uint64
	more   chan struct{} // closed when number changes
	again  func()        // asks the server again; nil if no session is open
}

// standCheck is how often a publisher that waits has the server asked again.
const standCheck = 500 * time.Millisecond

func (s *standing) confirm(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number <= s.number {
		return
	}
	s.number = number
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

func (s *standing) has(again func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = again
}

// at tells whether the subscription stands for a connection, or what to wait for.
func (s *standing) at(number uint64) (stands bool, more <-chan struct{}, again func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number >= number {
		return true, nil, nil
	}
	if s.more == nil {
		s.more = make(chan struct{})
	}
	return false, s.more, s.again
}

// stand waits until the queue's subscription stands for the connection of that
// number. A queue that listens to nothing at present does so for as long as that
// takes; what it is sent meanwhile goes back into its session.
func (q *queue) stand(ctx context.Context, number uint64) error {
	for {
		stands, more, again := q.stands.at(number)
		if stands {
			return nil
		}
		if again != nil {
			again()
		} else if q.proving.CompareAndSwap(false, true) {
			started := q.b.background(func() {
				defer q.proving.Store(false)
				limit, cancel := context.WithTimeout(q.b.ctx, subscribeTimeout)
				defer cancel()
				_ = q.establish(limit) // listen logs what goes wrong
			})
			if !started {
				q.proving.Store(false)
			}
			q.hurry()
		}
		timer := time.NewTimer(standCheck)
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-q.b.done:
			timer.Stop()
			return errClosing
		}
		timer.Stop()
	}
}
