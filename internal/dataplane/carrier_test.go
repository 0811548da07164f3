package dataplane

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/weftmesh/weft/internal/realtest"
)

// Links that no component can carry are a fault at the start, which says what
// would.
func TestUncarriedLinks(t *testing.T) {
	for name, tc := range map[string]struct{ reason, broker, component, keeper, says string }{
		"none":      {"the controller names one", "", "", "", "spec.broker is empty"},
		"missing":   {"there must be one of that name", "bus", "", "", "bus"},
		"in-memory": {"it is in one process", "bus", "pubsub.in-memory", "nats", "it lives in one process"},
		"mqtt":      {"pods come and go", "bus", "pubsub.mqtt3", "nats", "keeps it for one that never comes back"},
		"unkept":    {"Redis keeps no attempts", "bus", "pubsub.redis", "", "--keeper must name"},
		"keeper":    {"it must be there", "bus", "pubsub.redis", "other", `--keeper: there is no component "other"`},
		"no keeper": {"it must be JetStream", "bus", "pubsub.redis", "bus", "component bus is a pubsub.redis, and must be a pubsub.jetstream"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, "knative", nil)
			text := strings.Replace(fmt.Sprintf(meshFile, "knative", c.nats), "broker: nats", "broker: "+tc.broker, 1)
			if tc.component != "" {
				text += "    - {name: bus, type: " + tc.component + "}\n"
			}
			c.write("mesh/mesh.yaml", text)
			o := c.options(RoleDispatcher)
			o.Keeper = tc.keeper
			if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}

// carried is a server that carries links, and how long a queue there is by what
// the trigger says that KEDA is given.
type carried struct {
	component string
	secrets   map[string]string
	waits     func(t *testing.T, trigger map[string]any) int
}

func realRedis(t *testing.T) carried {
	address := realtest.Need(t, "WEFT_TEST_REDIS", realtest.Servers)
	password := realtest.Need(t, "WEFT_TEST_REDIS_PASSWORD", realtest.Servers)
	client := redis.NewClient(&redis.Options{Addr: address, Password: password})
	t.Cleanup(func() { _ = client.Close() })
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return carried{
		component: `type: pubsub.redis, metadata: [{name: redisHost, value: "` + address + `"}, {name: redisPassword, secretKeyRef: {name: server, key: password}}]`,
		secrets:   map[string]string{"secrets/server/password": password},
		waits: func(t *testing.T, trigger map[string]any) int { // as KEDA's redis-streams scaler counts
			groups, err := client.XInfoGroups(t.Context(), in[string](t, trigger, "stream")).Result()
			if err != nil {
				return -1
			}
			for _, g := range groups {
				if g.Name == in[string](t, trigger, "consumerGroup") {
					return int(g.Lag)
				}
			}
			return int(client.XLen(t.Context(), in[string](t, trigger, "stream")).Val())
		},
	}
}

func realRabbit(t *testing.T) carried {
	address := realtest.Need(t, "WEFT_TEST_RABBITMQ", realtest.Servers)
	conn, err := amqp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	waits := func(queue string) int {
		ch, err := conn.Channel() // a failure ends it
		if err != nil {
			t.Fatal(err)
		}
		defer ch.Close()
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			return -1
		}
		return q.Messages
	}
	return carried{
		component: `type: pubsub.rabbitmq, metadata: [{name: connectionString, secretKeyRef: {name: server, key: url}}]`,
		secrets:   map[string]string{"secrets/server/url": address},
		waits: func(t *testing.T, trigger map[string]any) int {
			return waits(in[string](t, trigger, "queueName"))
		},
	}
}

// TestRealCarriers runs a mesh whose links a real server carries beside
// JetStream, as the controller deploys it: front, dispatcher, and the dispatcher
// in a pod of a function that KEDA scales, which is at zero first and goes in
// the middle of a call.
func TestRealCarriers(t *testing.T) {
	for name, server := range map[string]func(*testing.T) carried{"redis": realRedis, "rabbitmq": realRabbit} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			reached, let := make(chan struct{}, 1000), make(chan struct{})
			release := sync.OnceFunc(func() { close(let) })
			t.Cleanup(release)
			c := newCluster(t, "keda", map[string]http.HandlerFunc{"notify-user": func(_ http.ResponseWriter, r *http.Request) {
				reached <- struct{}{}
				select {
				case <-let:
				case <-r.Context().Done():
				}
				if got := r.Header.Get("Ce-Weftattempt"); got != "1" {
					t.Errorf("attempt %s of an event that nobody failed", got)
				}
			}})
			for file, text := range s.secrets {
				c.write(file, text)
			}
			mesh := strings.NewReplacer("type: pubsub.jetstream, metadata: [{name: natsURL, value: \""+c.nats+"\"}]", s.component,
				"name: shop", "name: shop-"+strings.ToLower(name), "{name: ingestOrder", "{name: ingestOrder, image: example.com/a",
				"{name: validateInventory", "{name: validateInventory, image: example.com/a", "{name: notifyUser", "{name: notifyUser, image: example.com/a",
			).Replace(fmt.Sprintf(meshFile, "keda", c.nats))
			objects := c.deploy(mesh)
			options := func(role Role) Options {
				o := c.options(role)
				o.Keeper = "links"
				return o
			}
			var trigger map[string]any
			for _, o := range objects.of("ScaledObject") {
				for _, one := range in[[]any](t, o, "spec", "triggers") {
					if in[string](t, o, "metadata", "name") == "shop-"+name+"-notify-user" && in[string](t, one, "name") == "queue" {
						trigger = in[map[string]any](t, one, "metadata")
					}
				}
			}
			at, _ := c.start(options(RoleFront))
			c.start(options(RoleDispatcher))
			const orders = 200
			var posting sync.WaitGroup
			for i := range orders {
				posting.Go(func() { c.order(at, fmt.Sprint("o", i)) })
			}
			posting.Wait()
			c.eventually("all orders are checked", func() bool { return c.distinct("validate-inventory") == orders })
			c.eventually("their events wait where KEDA looks for them", func() bool { return s.waits(t, trigger) == orders })
			if n := c.called("notify-user"); n != 0 {
				t.Errorf("notifyUser was called %d times without a pod", n)
			}

			pod := options(RoleDispatcher)
			pod.Function, pod.Local, pod.Drain = "notify-user", c.functions["notify-user"].URL, 100*time.Millisecond
			_, stop := c.start(pod)
			<-reached
			kept := func() int {
				n, err := natsLag(c, "WEFT_default_shop-"+name+"_notify-user")
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			c.eventually("all that waited is taken, and kept where KEDA hears of it", func() bool { return s.waits(t, trigger) == 0 && kept() == orders })
			if err := stop(); err != nil { // scale-in: its calls are cut off
				t.Error(err)
			}
			release()
			if n := kept(); n != orders {
				t.Errorf("%d of %d events are left by a pod that handled none", n, orders)
			}
			c.start(pod)
			c.eventually("all orders are through", func() bool { return c.distinct("notify-user") == orders })
			c.eventually("nothing waits any more", func() bool { return s.waits(t, trigger) == 0 && kept() == 0 })
			c.noDeadLetters(at)

			// Without its server nothing is accepted, and with it again all goes on.
			ctl(t, "stop", name)
			if code, text := c.post("http://"+at.HTTP+"/orders", `{"id": "during"}`); code != http.StatusServiceUnavailable {
				t.Errorf("without a server an order is answered %d: %s", code, text)
			}
			ctl(t, "start", name)
			c.order(at, "after")
			c.eventually("an order of afterwards is through", func() bool { return c.distinct("notify-user") > orders })
		})
	}
}

// ctl stops and starts a server.
func ctl(t *testing.T, verb, name string) {
	t.Helper()
	if out, err := exec.Command(realtest.Need(t, "WEFT_TEST_CTL", realtest.Servers), verb, name).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", verb, name, err, out)
	}
}

// natsLag is what KEDA's nats-jetstream scaler counts.
func natsLag(c *cluster, stream string) (int, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	info, err := c.jetStream().Consumer(ctx, stream, "dispatcher")
	if err != nil {
		return 0, err
	}
	i, err := info.Info(ctx)
	if err != nil {
		return 0, err
	}
	return int(i.NumPending) + i.NumAckPending, nil
}
