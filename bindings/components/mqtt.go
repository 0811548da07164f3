package components

import (
	"context"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/dapr/components-contrib/pubsub"
)

// mqttGreet connects once and leaves. The component's own client goes on trying
// for ever in the background, also with a password that is wrong and when no
// one waits any more, and says why to no one.
func mqttGreet(ctx context.Context, props map[string]string) error {
	u, err := url.Parse(get(props, "url"))
	if err != nil {
		return errNoURL
	}
	scheme := u.Scheme
	switch scheme {
	case "mqtt":
		scheme = "tcp"
	case "mqtts", "tcps", "tls":
		scheme = "ssl"
	}
	o := mqtt.NewClientOptions().AddBroker(scheme + "://" + u.Host).SetClientID("weft-" + uuid.NewString()[:8]).
		SetUsername(u.User.Username()).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false)
	if password, ok := u.User.Password(); ok {
		o.SetPassword(password)
	}
	if deadline, ok := ctx.Deadline(); ok {
		o.SetConnectTimeout(max(time.Until(deadline), time.Millisecond))
	}
	// What is wrong with certificates the component says.
	if properties, err := pubsub.TLS(props); err == nil {
		if cfg, err := pubsub.ConvertTLSPropertiesToTLSConfig(properties); err == nil && cfg != nil {
			o.SetTLSConfig(cfg)
		}
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
