package components

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/dapr/components-contrib/pubsub"
)

// mqttGreet connects once and leaves. The component's own client goes on trying
// for ever in the background, also with a password that is wrong and when no
// one waits any more, and says why to no one.
func mqttGreet(ctx context.Context, props map[string]string) error {
	o, err := mqttOptions(props)
	if err != nil {
		return err
	}
	o.SetClientID("weft-" + uuid.NewString()[:8]).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false)
	if deadline, ok := ctx.Deadline(); ok {
		o.SetConnectTimeout(max(time.Until(deadline), time.Millisecond))
	}
	c := mqtt.NewClient(o)
	token := c.Connect()
	select {
	case <-token.Done():
		err = token.Error()
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.Disconnect(0)
	return err
}

// mqttOptions reads the address, the login and the certificates from metadata,
// as the component does.
func mqttOptions(props map[string]string) (*mqtt.ClientOptions, error) {
	u, err := url.Parse(get(props, "url"))
	if err != nil || u.Host == "" {
		// What url.Parse says holds the URL, and so the password.
		return nil, fmt.Errorf("metadata url: %w", errNoURL)
	}
	scheme := strings.ToLower(u.Scheme)
	switch scheme {
	case "mqtt":
		scheme = "tcp"
	case "mqtts", "tcps", "tls":
		scheme = "ssl"
	}
	o := mqtt.NewClientOptions().AddBroker(scheme + "://" + u.Host).SetUsername(u.User.Username())
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
	if cfg != nil {
		o.SetTLSConfig(cfg)
	}
	return o, nil
}
