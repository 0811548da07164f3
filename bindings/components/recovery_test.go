package components

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/state"

	"github.com/weftmesh/weft/mesh/meshtest"
)

// wrong replaces the password in a URL.
func wrong(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "hunter22")
	return u.String()
}

func TestRealWrongPassword(t *testing.T) {
	for name, component := range map[string]func(*testing.T) string{
		"redis": func(t *testing.T) string {
			return fmt.Sprintf(`{name: x, type: state.redis, metadata: [{name: redisHost, value: "%s"}, {name: redisPassword, value: hunter22}]}`, real(t, "WEFT_TEST_REDIS"))
		},
		"redis pub/sub": func(t *testing.T) string {
			return fmt.Sprintf(`{name: x, type: pubsub.redis, metadata: [{name: redisHost, value: "%s"}, {name: redisPassword, value: hunter22}]}`, real(t, "WEFT_TEST_REDIS"))
		},
		"postgresql": func(t *testing.T) string {
			return fmt.Sprintf(`{name: x, type: state.postgresql, metadata: [{name: connectionString, value: "%s"}]}`, wrong(t, real(t, "WEFT_TEST_POSTGRES")))
		},
		"rabbitmq": func(t *testing.T) string {
			return fmt.Sprintf(`{name: x, type: pubsub.rabbitmq, metadata: [{name: connectionString, value: "%s"}]}`, wrong(t, real(t, "WEFT_TEST_RABBITMQ")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan := meshtest.Plan(t, one("\n    - "+component(t)))
			_, err := Open(context.Background(), Config{Plan: plan})
			if err == nil || !strings.Contains(err.Error(), `component "x"`) || !strings.Contains(err.Error(), "refuses the user name or password") {
				t.Errorf("Open: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// ctl stops and starts a server.
func ctl(t *testing.T, do, server string) {
	t.Helper()
	program := os.Getenv("WEFT_TEST_CTL")
	if program == "" {
		real(t, "WEFT_TEST_CTL")
	}
	if out, err := exec.Command(program, do, server).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", do, server, err, out)
	}
}

// eventually calls try until it succeeds: a client takes its time to notice
// that its server is back.
func eventually(t *testing.T, what string, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestRealServerRestarts: while a server is away callers have errors; when it
// is back all goes on without opening anything again.
func TestRealServerRestarts(t *testing.T) {
	for server, component := range map[string]func(*testing.T) string{
		"redis": func(t *testing.T) string {
			return fmt.Sprintf(`
    - {name: store, type: state.redis, metadata: [{name: redisHost, value: "%[1]s"}, {name: redisPassword, value: "%[2]s"}, {name: redisMaxRetries, value: "-1"}]}
    - {name: events, type: pubsub.redis, metadata: [{name: redisHost, value: "%[1]s"}, {name: redisPassword, value: "%[2]s"}]}`,
				real(t, "WEFT_TEST_REDIS"), os.Getenv("WEFT_TEST_REDIS_PASSWORD"))
		},
		"postgres": func(t *testing.T) string {
			return fmt.Sprintf(`
    - {name: store, type: state.postgresql, version: v2, metadata: [{name: connectionString, value: "%s"}, {name: tablePrefix, value: %s_}]}`,
				real(t, "WEFT_TEST_POSTGRES"), unique())
		},
		"rabbitmq": func(t *testing.T) string {
			return fmt.Sprintf(`
    - {name: events, type: pubsub.rabbitmq, metadata: [{name: connectionString, value: "%s"}, {name: deletedWhenUnused, value: "false"}]}`,
				real(t, "WEFT_TEST_RABBITMQ"))
		},
		"mqtt": func(t *testing.T) string {
			return fmt.Sprintf(`
    - {name: events, type: pubsub.mqtt3, metadata: [{name: url, value: "%s"}, {name: qos, value: "1"}]}`, real(t, "WEFT_TEST_MQTT"))
		},
	} {
		t.Run(server, func(t *testing.T) {
			s := open(t, Config{}, component(t))
			got := make(chan string, 1024)
			topic := unique()
			if p := s.PubSub("events"); p != nil {
				in, done, err := p.Consumer(t.Context(), topic)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = done() }()
				if err := in.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: topic}, func(_ context.Context, m *pubsub.NewMessage) error {
					got <- string(m.Data)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			use := func(ctx context.Context, value string) error {
				if st := s.State("store"); st != nil {
					if err := st.Store.Set(ctx, &state.SetRequest{Key: "state of " + topic, Value: []byte(value)}); err != nil {
						return err
					}
					read, err := st.Store.Get(ctx, &state.GetRequest{Key: "state of " + topic})
					if err != nil || string(read.Data) != value {
						return fmt.Errorf("%q: %w", read.Data, err)
					}
				}
				if p := s.PubSub("events"); p != nil {
					return p.Publisher().Publish(ctx, &pubsub.PublishRequest{Topic: topic, Data: []byte(value)})
				}
				return nil
			}
			if err := use(t.Context(), "before"); err != nil {
				t.Fatal(err)
			}
			ctl(t, "stop", server)
			away, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if err := use(away, "away"); err == nil {
				t.Error("a server that is away gives no error")
			}
			cancel()
			ctl(t, "start", server)
			eventually(t, "use after the server is back", func(ctx context.Context) error { return use(ctx, "after") })
			if s.PubSub("events") == nil {
				return
			}
			eventually(t, "delivery after the server is back", func(ctx context.Context) error {
				for len(got) > 0 {
					if <-got == "after" {
						return nil
					}
				}
				if err := use(ctx, "after"); err != nil {
					return err
				}
				return fmt.Errorf("nothing is delivered")
			})
		})
	}
}
