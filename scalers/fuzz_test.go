package scalers_test

import (
	"strings"
	"testing"

	"github.com/weftmesh/weft/scalers"
)

// FuzzAddresses derives triggers from whatever stands where an address should:
// it may be refused, and a password in it is in no trigger and no error.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"nats://ann:s3cret-word@nats:4222,nats://b", "amqp://ann:s3cret-word@rabbit/vhost", "amqps://:s3cret-word@[::1]:5671", "redis:6379, [::1]",
		"s3cret-word", "nats://", "://@", "%zz://s3cret-word@x", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		const password = "s3cret-word"
		for kind, setting := range map[string]string{
			"pubsub.jetstream": "natsURL", "pubsub.rabbitmq": "connectionString", "pubsub.redis": "redisPassword", "pubsub.kafka": "saslPassword",
		} {
			c := component(kind, setting+"="+address, "redisHost=redis", "brokers=kafka", "authType=password", "saslUsername@k")
			d, err := scalers.ForQueue(c, queue)
			_, userinfo, isURL := strings.Cut(address, "://")
			secret := !isURL && setting != "natsURL" && setting != "connectionString" || strings.Contains(userinfo, ":"+password+"@") && !strings.ContainsAny(strings.SplitN(userinfo, password, 2)[0], "/?#")
			if !secret || strings.Count(address, password) != 1 {
				continue
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("%s: the error says it: %v", kind, err)
			}
			for key, value := range d.Trigger.Metadata {
				if strings.Contains(value, password) {
					t.Errorf("%s: %s of the trigger says it: %s", kind, key, value)
				}
			}
		}
	})
}
