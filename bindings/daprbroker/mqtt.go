package daprbroker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
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
	options       func() (*mqtt.ClientOptions, error)
	client        mqtt.Client
}

const (
	// mqttWait bounds the wait for the server's answers, mqttGoodbye that for
	// acknowledgements on their way when the session ends.
	mqttWait    = 20 * time.Second
	mqttGoodbye = 100 * time.Millisecond
	// mqttReconnect is the longest pause between attempts to connect anew.
	mqttReconnect = 10 * time.Second
	mqttQoS       = 1
)

// Subscribe hands messages on the topic to handler until close.
func (s *session) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	o, err := s.options()
	if err != nil {
		return err
	}
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		if handler(ctx, &pubsub.NewMessage{Topic: m.Topic(), Data: m.Payload()}) == nil {
			m.Ack()
		}
	})
	o.SetOnConnectHandler(func(c mqtt.Client) {
		// A server that lost its sessions does not know the subscription.
		c.Subscribe(req.Topic, mqttQoS, nil)
	})
	s.client = mqtt.NewClient(o)
	if err := answer(ctx, s.client.Connect()); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	token := s.client.Subscribe(req.Topic, mqttQoS, nil)
	if err := answer(ctx, token); err != nil {
		return fmt.Errorf("subscribe to %s: %w", req.Topic, err)
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok && t.Result()[req.Topic] > mqttQoS {
		return fmt.Errorf("subscribe to %s: the server refuses it; do its access rules allow it, and has it shared subscriptions?", req.Topic)
	}
	return nil
}

func answer(ctx context.Context, t mqtt.Token) error {
	timer := time.NewTimer(mqttWait)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return fmt.Errorf("no answer within %s", mqttWait)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close leaves the session to the server.
func (s *session) Close() error {
	if s.client != nil {
		s.client.Disconnect(uint(mqttGoodbye.Milliseconds()))
	}
	return nil
}

// mqttOptions reads the component's metadata as the component does.
func mqttOptions(props map[string]string, clientID string) (*mqtt.ClientOptions, error) {
	u, err := url.Parse(property(props, "url"))
	if err != nil || u.Host == "" {
		return nil, errors.New("metadata url is no URL with a host") // what url.Parse says holds the password
	}
	scheme := u.Scheme
	switch strings.ToLower(scheme) {
	case "mqtt":
		scheme = "tcp"
	case "mqtts", "tcps", "tls":
		scheme = "ssl"
	}
	o := mqtt.NewClientOptions().AddBroker(scheme + "://" + u.Host).SetClientID(clientID).
		SetUsername(u.User.Username()).
		SetCleanSession(false).SetAutoAckDisabled(true).
		// Handlers wait for room.
		SetOrderMatters(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(mqttReconnect).SetConnectRetry(false).SetConnectTimeout(mqttWait)
	if password, ok := u.User.Password(); ok {
		o.SetPassword(password)
	}
	certificates, err := pubsub.TLS(props)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	cfg, err := pubsub.ConvertTLSPropertiesToTLSConfig(certificates)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return o.SetTLSConfig(cfg), nil
}

// property of a component's metadata, whose names are read in any case.
func property(props map[string]string, name string) string {
	for k, v := range props {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}
