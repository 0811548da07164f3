package components

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/dapr/components-contrib/pubsub"
)

func TestInMilliseconds(t *testing.T) {
	for name, c := range map[string]struct {
		reason, value, want string
		err                 bool
	}{
		"number":       {reason: "what components-contrib reads", value: "1500", want: "1500"},
		"duration":     {reason: "what Dapr documents", value: "1m30s", want: "90000"},
		"zero":         {reason: "nothing comes again", value: "0s", want: "0"},
		"short":        {reason: "0 would have nothing come again", value: "10us", want: "1"},
		"blanks":       {reason: "as other numbers", value: " 2s ", want: "2000"},
		"negative":     {reason: "there is no such pause", value: "-1s", err: true},
		"minus one":    {reason: "there is no such pause", value: "-1", err: true},
		"no duration":  {reason: "the default would hold in silence", value: "soon", err: true},
		"without unit": {reason: "seconds or milliseconds", value: "1.5", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			props := map[string]string{"RedeliverInterval": c.value}
			err := inMilliseconds(props, redeliverInterval)
			if (err != nil) != c.err {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if diff := cmp.Diff(map[string]string{redeliverInterval: c.want}, props); err == nil && diff != "" {
				t.Errorf("%s: (-want +got)\n%s", c.reason, diff)
			}
		})
	}
}

// TestRealRedisRedelivers: what a subscription that ended had in hand comes again,
// by a redeliverInterval that is a duration, and what failed does not: that is
// how components-contrib 1.18 is, and what the documentation says of it.
func TestRealRedisRedelivers(t *testing.T) {
	topic := unique()
	set := func() (pubsub.PubSub, pubsub.PubSub) {
		s := open(t, Config{}, fmt.Sprintf(`
    - {name: events, type: pubsub.redis, metadata: [{name: redisHost, value: "%s"}, {name: redisPassword, value: "%s"},
        {name: processingTimeout, value: "100ms"}, {name: redeliverInterval, value: "50ms"}]}`, real(t, "WEFT_TEST_REDIS"), os.Getenv("WEFT_TEST_REDIS_PASSWORD")))
		consumer, done, err := s.PubSub("events").Consumer(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = done() })
		return s.PubSub("events").Publisher(), consumer
	}
	publisher, consumer := set()
	failed, timedOut, again := make(chan struct{}, 64), make(chan struct{}, 64), make(chan struct{}, 64)
	if err := consumer.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: topic}, func(ctx context.Context, m *pubsub.NewMessage) error {
		if string(m.Data) == "fails" {
			failed <- struct{}{}
			return errors.New("it fails")
		}
		select {
		case timedOut <- struct{}{}:
		default:
		}
		if len(timedOut) > 1 {
			again <- struct{}{}
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	publish(t, publisher, topic, "fails")
	<-failed
	publish(t, publisher, topic, "takes too long")
	<-again
	client := redis.NewClient(&redis.Options{Addr: real(t, "WEFT_TEST_REDIS"), Password: os.Getenv("WEFT_TEST_REDIS_PASSWORD")})
	defer func() { _ = client.Close() }()
	eventually(t, "nothing pending", func(ctx context.Context) error {
		pending, err := client.XPending(ctx, topic, "shop").Result()
		if err != nil || pending.Count != 0 {
			return fmt.Errorf("%+v, %w", pending, err)
		}
		return nil
	})
	if n := len(failed); n != 0 {
		t.Errorf("what failed came again %d times", n)
	}
}
