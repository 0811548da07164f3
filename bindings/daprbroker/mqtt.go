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

const (
	// mqttWait bounds the wait for the server's answers, mqttGoodbye that for
	// acknowledgements on their way when the session ends.
	mqttWait    = 20 * time.Second
	mqttGoodbye = 100 * time.Millisecond
	mqttQoS     = 1
)

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
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(mqttWait)
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
