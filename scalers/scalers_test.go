package scalers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/scalers"
)

// queue of all tests.
var queue = scalers.Queue{
	Stream: "WEFT_default_shop_pack", Consumer: "dispatcher",
	Topic: "weft.default.shop.pack", Group: "weft_default_shop_pack", Target: 7, Activation: 3,
}

// component from settings written as name=value, name@secret or
// name@secret/key, name$VARIABLE.
func component(kind string, settings ...string) v1beta1.Component {
	c := v1beta1.Component{Name: "links", Type: kind, Version: "v1"}
	for _, s := range settings {
		i := strings.IndexAny(s, "=@$")
		m, value := v1beta1.ComponentMetadata{Name: s[:i]}, s[i+1:]
		switch s[i] {
		case '=':
			m.Value = value
		case '@':
			name, key, _ := strings.Cut(value, "/")
			m.SecretKeyRef = &v1beta1.SecretKeyRef{Name: name, Key: key}
		case '$':
			m.EnvRef = value
		}
		c.Metadata = append(c.Metadata, m)
	}
	return c
}

// derivation is one row of the tables.
type derivation struct {
	reason    string
	component v1beta1.Component
	// trigger and metadata, which is put over base.
	trigger  string
	metadata map[string]string
	// auth is parameter=secret/key.
	auth []string
	// fault and hint, of an UnderivableError.
	fault, hint string
}

// derive runs a table. base is the metadata that all rows have in common.
func derive(t *testing.T, base map[string]string, rows map[string]derivation) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d, err := scalers.ForQueue(row.component, queue)
			var underivable *scalers.UnderivableError
			if row.fault != "" {
				if !errors.As(err, &underivable) || !strings.Contains(underivable.Reason, row.fault) || !strings.Contains(underivable.Add, row.hint) {
					t.Fatalf("%v, want %q and %q: %s", err, row.fault, row.hint, row.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, row.reason)
			}
			want := make(map[string]string)
			for _, m := range []map[string]string{base, row.metadata} {
				for k, v := range m {
					if want[k] = v; v == "" {
						delete(want, k)
					}
				}
			}
			if diff := cmp.Diff(kinds.Trigger{Type: row.trigger, Metadata: want}, d.Trigger); diff != "" {
				t.Errorf("%s, -want +got:\n%s", row.reason, diff)
			}
			var auth []string
			if d.Auth != nil {
				for _, r := range d.Auth.SecretTargetRef {
					auth = append(auth, r.Parameter+"="+r.Name+"/"+r.Key)
				}
			}
			if diff := cmp.Diff(row.auth, auth); diff != "" {
				t.Errorf("%s: authentication, -want +got:\n%s", row.reason, diff)
			}
		})
	}
}

func TestJetStream(t *testing.T) {
	const kind, trigger = "pubsub.jetstream", "nats-jetstream"
	derive(t, map[string]string{
		"natsServerMonitoringEndpoint": "nats.example:8222", "account": "$G", "stream": "WEFT_default_shop_pack", "consumer": "dispatcher",
		"lagThreshold": "7", "activationLagThreshold": "3",
	}, map[string]derivation{
		"URL": {reason: "the server of natsURL is monitored at its usual port", component: component(kind, "natsURL=nats://nats.example:4222"), trigger: trigger},
		"Type": {reason: "Dapr takes types in any case", component: component("pubsub.JetStream", "natsURL=nats://nats.example:4222"),
			trigger: trigger},
		"Several": {reason: "any server knows the streams of its cluster", component: component(kind, "NATSURL=nats.example:4222, nats://b:4222"), trigger: trigger},
		"User":    {reason: "a user and a password are not part of the endpoint", component: component(kind, "natsURL=nats://ann:s3cret@nats.example"), trigger: trigger},
		"Override": {reason: "an endpoint elsewhere, over TLS", component: component(kind, "natsURL@urls/nats", "natsServerMonitoringEndpoint=https://mon.example:443/"), trigger: trigger,
			metadata: map[string]string{"natsServerMonitoringEndpoint": "mon.example:443", "useHttps": "true"}},
		"OverrideSecret": {reason: "an endpoint that is a secret goes by the authentication", component: component(kind, "natsURL@urls/nats", "natsServerMonitoringEndpoint@mon"), trigger: trigger,
			metadata: map[string]string{"natsServerMonitoringEndpoint": ""}, auth: []string{"natsServerMonitoringEndpoint=mon/mon"}},
		"Account": {reason: "credentials are those of an account", component: component(kind, "natsURL=nats://nats.example", "jwt@nats/jwt", "seedKey@nats/seed", "natsAccount=ORDERS"), trigger: trigger,
			metadata: map[string]string{"account": "ORDERS"}},
		"NoAccount": {reason: "the account is not in the credentials as they are written", component: component(kind, "natsURL=nats://nats.example", "jwt@nats/jwt"), fault: "whose name they do not tell", hint: "natsAccount"},
		"Secret":    {reason: "the host in a secret cannot be told", component: component(kind, "natsURL@nats/url"), fault: "natsURL is no plain value", hint: "natsServerMonitoringEndpoint"},
		"Domain":    {reason: "a leaf node does not know the hub's streams", component: component(kind, "natsURL=nats://leaf", "domain=hub"), fault: "another domain", hint: "natsServerMonitoringEndpoint"},
		"None":      {reason: "there is no natsURL", component: component(kind), fault: "natsURL", hint: "natsServerMonitoringEndpoint"},
		"Bad":       {reason: "a URL without a host", component: component(kind, "natsURL=nats://"), fault: "names no host", hint: "nats://HOST:PORT"},
	})
}

func TestRedis(t *testing.T) {
	const kind = "pubsub.redis"
	derive(t, map[string]string{
		"address": "redis:6379", "stream": "weft.default.shop.pack", "consumerGroup": "weft_default_shop_pack", "lagCount": "7", "activationLagCount": "3",
	}, map[string]derivation{
		"Plain": {reason: "lagCount wakes from zero; pendingEntriesCount would not", component: component(kind, "redisHost=redis:6379"), trigger: "redis-streams"},
		"Port":  {reason: "the host and its port in two settings", component: component(kind, "redisHost=redis", "redisPort=7000"), trigger: "redis-streams", metadata: map[string]string{"address": "redis:7000"}},
		"Password": {reason: "a secret stays one; without a key its name is the key", component: component(kind, "redisHost=redis", "redisUsername=ann", "redisPassword@redis"), trigger: "redis-streams",
			metadata: map[string]string{"username": "ann"}, auth: []string{"password=redis/redis"}},
		"TLS": {reason: "TLS with a client's certificate, another database", component: component(kind, "redisHost@r/host", "enableTLS=True", "insecureSkipTLSVerify=true", "clientCert@r/cert", "clientKey@r/key", "redisDB=3"), trigger: "redis-streams",
			metadata: map[string]string{"address": "", "enableTLS": "true", "unsafeSsl": "true", "databaseIndex": "3"},
			auth:     []string{"address=r/host", "cert=r/cert", "key=r/key"}},
		"Cluster": {reason: "the nodes of a cluster", component: component(kind, "redisHost=a:1, [::1]", "redisType=cluster"), trigger: "redis-cluster-streams",
			metadata: map[string]string{"address": "", "addresses": "a:1,[::1]:6379"}},
		"Sentinel": {reason: "sentinels and the master that they watch", component: component(kind, "redisHost=s:26379", "failover=true", "sentinelMasterName=m", "sentinelPassword@r/s"), trigger: "redis-sentinel-streams",
			metadata: map[string]string{"address": "", "addresses": "s:26379", "sentinelMaster": "m"}, auth: []string{"sentinelPassword=r/s"}},
		"NoMaster":   {reason: "sentinels watch several", component: component(kind, "redisHost=s", "failover=true"), fault: "sentinelMasterName", hint: "name the master"},
		"NoHost":     {reason: "there is no host", component: component(kind), fault: "no redisHost", hint: "HOST:PORT"},
		"WrittenOut": {reason: "a password is not copied into another object", component: component(kind, "redisHost=redis", "redisPassword=hunter2"), fault: "redisPassword is written out", hint: "secretKeyRef"},
		"Env":        {reason: "KEDA does not see a sidecar's environment", component: component(kind, "redisHost=redis", "redisPassword$PASSWORD"), fault: "redisPassword is in the environment", hint: "secretKeyRef"},
		"Entra":      {reason: "KEDA has no such way in", component: component(kind, "redisHost=redis", "useEntraID=true"), fault: "Entra", hint: "ScaledObject of your own"},
	})
	c := component(kind, "redisHost=redis", "redisPassword@redis")
	c.SecretStore = "vault"
	var underivable *scalers.UnderivableError
	if _, err := scalers.ForQueue(c, queue); !errors.As(err, &underivable) || !strings.Contains(err.Error(), "secret store vault") {
		t.Errorf("%v: KEDA does not read Dapr's secret stores", err)
	}
}

func TestRabbitMQ(t *testing.T) {
	const kind, trigger = "pubsub.rabbitmq", "rabbitmq"
	derive(t, map[string]string{
		"host": "amqp://rabbit:5672", "protocol": "amqp", "mode": "QueueLength", "value": "7", "activationValue": "3",
		"queueName": "weft_default_shop_pack-weft.default.shop.pack",
	}, map[string]derivation{
		"Plain":     {reason: "an address without a password", component: component(kind, "connectionString=amqp://rabbit:5672"), trigger: trigger},
		"Secret":    {reason: "an address in a Secret", component: component(kind, "host@rabbit/url"), trigger: trigger, metadata: map[string]string{"host": ""}, auth: []string{"host=rabbit/url"}},
		"Parts":     {reason: "the address in parts", component: component(kind, "hostname=rabbit", "protocol=amqps", "username@r/u", "password@r/p"), trigger: trigger, metadata: map[string]string{"host": "amqps://rabbit"}, auth: []string{"username=r/u", "password=r/p"}},
		"Written":   {reason: "a password in the address is not copied", component: component(kind, "connectionString=amqp://ann:s3cret@rabbit"), fault: "holds a password", hint: "secretKeyRef"},
		"Hidden":    {reason: "a password where no URL has one", component: component(kind, "connectionString=A#://:s3cret@"), fault: "holds a password", hint: "secretKeyRef"},
		"Scheme":    {reason: "KEDA would not know how to ask", component: component(kind, "connectionString=rabbit:5672"), fault: "no address of AMQP", hint: "amqp://HOST:5672"},
		"InHost":    {reason: "a password is not copied from there either", component: component(kind, "hostname=ann:s3cret@rabbit"), fault: "more than a host", hint: "secretKeyRef"},
		"Half":      {reason: "KEDA wants both", component: component(kind, "hostname=rabbit", "password@r/p"), fault: "only one of username and password", hint: "set both"},
		"PlainUser": {reason: "KEDA takes the name from a Secret alone", component: component(kind, "hostname=rabbit", "username=ann", "password@r/p"), fault: "username is written out", hint: "secretKeyRef"},
		"None":      {reason: "there is no address", component: component(kind), fault: "no connectionString", hint: "set one"},
		"CA":        {reason: "KEDA takes tls from a Secret alone", component: component(kind, "connectionString=amqps://rabbit", "caCert@r/ca"), fault: "certificates", hint: "ScaledObject of your own"},
	})
}

func TestKafka(t *testing.T) {
	const kind, trigger = "pubsub.kafka", "kafka"
	derive(t, map[string]string{
		"bootstrapServers": "k1:9092,k2:9092", "consumerGroup": "weft_default_shop_pack", "topic": "weft.default.shop.pack",
		"lagThreshold": "7", "activationLagThreshold": "3", "offsetResetPolicy": "earliest",
	}, map[string]derivation{
		"None": {reason: "no authentication, and so no TLS", component: component(kind, "brokers=k1:9092,k2:9092", "authType=none", "version=2.8.0"), trigger: trigger, metadata: map[string]string{"version": "2.8.0"}},
		"Password": {reason: "SASL, over TLS unless it is switched off", component: component(kind, "brokers=k1:9092,k2:9092", "authType=password", "saslMechanism=SHA-512", "saslUsername@k/u", "saslPassword@k/p", "caCert@k/ca"), trigger: trigger,
			metadata: map[string]string{"sasl": "scram_sha512", "tls": "enable"}, auth: []string{"username=k/u", "password=k/p", "ca=k/ca"}},
		"Legacy": {reason: "authRequired, as it was once written", component: component(kind, "brokers=k1:9092,k2:9092", "authRequired=true", "saslUsername@k/u", "saslPassword@k/p", "disableTls=true"), trigger: trigger,
			metadata: map[string]string{"sasl": "plaintext"}, auth: []string{"username=k/u", "password=k/p"}},
		"MTLS": {reason: "certificates", component: component(kind, "brokers=k1:9092,k2:9092", "authType=mtls", "clientCert@k/c", "clientKey@k/k", "skipVerify=true"), trigger: trigger,
			metadata: map[string]string{"tls": "enable", "unsafeSsl": "true"}, auth: []string{"cert=k/c", "key=k/k"}},
		"OIDC": {reason: "tokens of an issuer", component: component(kind, "brokers=k1:9092,k2:9092", "authType=oidc", "oidcClientID@k/id", "oidcClientSecret@k/s", "oidcTokenEndpoint@k/e"), trigger: trigger,
			metadata: map[string]string{"sasl": "oauthbearer", "tls": "enable"}, auth: []string{"username=k/id", "password=k/s", "oauthTokenEndpointUri=k/e"}},
		"PlainUser": {reason: "KEDA takes the name from a Secret alone", component: component(kind, "brokers=k", "authType=password", "saslUsername=ann", "saslPassword@k/p"), fault: "saslUsername is written out", hint: "secretKeyRef"},
		"NoUser":    {reason: "a name is missing", component: component(kind, "brokers=k", "authType=password", "saslPassword@k/p"), fault: "no saslUsername", hint: "secretKeyRef"},
		"AWS":       {reason: "there is no such way in", component: component(kind, "brokers=k", "authType=awsiam"), fault: "authType awsiam", hint: "ScaledObject of your own"},
		"Mechanism": {reason: "there is no such mechanism", component: component(kind, "brokers=k", "authType=password", "saslMechanism=GSSAPI"), fault: "saslMechanism GSSAPI", hint: "ScaledObject of your own"},
		"NoBrokers": {reason: "there is no server", component: component(kind), fault: "no brokers", hint: "HOST:PORT"},
		"Secret":    {reason: "KEDA takes servers as values", component: component(kind, "brokers@k/b"), fault: "brokers is in a Secret", hint: "as a value"},
	})
}

func TestOthers(t *testing.T) {
	derive(t, nil, map[string]derivation{
		"MQTT": {reason: "KEDA does not know it", component: component("pubsub.mqtt3", "url=mqtt://m"), fault: "no KEDA trigger is known", hint: "ScaledObject of your own"},
	})
}

func TestPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		got    kinds.Trigger
		want   kinds.Trigger
	}{
		"CPU": {reason: "in percent of the function's own request", got: scalers.CPU(70, "function"),
			want: kinds.Trigger{Type: "cpu", Name: "cpu", MetricType: "Utilization", Metadata: map[string]string{"value": "70", "containerName": "function"}}},
		"Memory": {reason: "as CPU", got: scalers.Memory(80, "function"),
			want: kinds.Trigger{Type: "memory", Name: "memory", MetricType: "Utilization", Metadata: map[string]string{"value": "80", "containerName": "function"}}},
		"Cron": {reason: "KEDA has no default for the time zone", got: scalers.Cron(1, v1beta1.CronScaling{Start: "0 8 * * *", End: "0 18 * * *", Replicas: 2}),
			want: kinds.Trigger{Type: "cron", Name: "cron-1", Metadata: map[string]string{"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "2"}}},
		"Prometheus": {reason: "KEDA reads no quantities", got: scalers.Prometheus(0, v1beta1.PrometheusScaling{ServerAddress: "http://p:9090", Query: "up", Threshold: resource.MustParse("1500m")}),
			want: kinds.Trigger{Type: "prometheus", Name: "prometheus-0", Metadata: map[string]string{"serverAddress": "http://p:9090", "query": "up", "threshold": "1.5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
