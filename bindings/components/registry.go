package components

import (
	"context"
	"slices"
	"strings"

	"github.com/dapr/components-contrib/bindings/cron"
	"github.com/dapr/components-contrib/bindings/http"
	kafkabinding "github.com/dapr/components-contrib/bindings/kafka"
	"github.com/dapr/components-contrib/bindings/localstorage"
	mqttbinding "github.com/dapr/components-contrib/bindings/mqtt3"
	"github.com/dapr/components-contrib/bindings/postgres"
	rabbitmqbinding "github.com/dapr/components-contrib/bindings/rabbitmq"
	redisbinding "github.com/dapr/components-contrib/bindings/redis"
	"github.com/dapr/components-contrib/pubsub/kafka"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	postgresv1 "github.com/dapr/components-contrib/state/postgresql/v1"
	postgresv2 "github.com/dapr/components-contrib/state/postgresql/v2"
	"github.com/dapr/components-contrib/state/sqlite"

	"github.com/weftmesh/weft/mesh"
)

// registry holds each component type in each of its versions on a line: its
// names, daprd's own aliases among them, its constructor, the metadata that its
// metadata.yaml in components-contrib requires, where its server is, which of
// its metadata are paths, and the names of metadata that it reads but does not
// tell of.
var registry = []driver{
	{types: names("state.in-memory"), new: stateStore(inmemory.NewInMemoryStateStore), local: true},
	{types: names("state.sqlite", "state.sqlite3"), new: stateStore(sqlite.NewSQLiteStateStore), required: names("connectionString|url"), adjust: sqlitePath, also: names("timeoutInSeconds", "cleanupIntervalInSeconds")},
	{types: names("state.redis"), new: stateStore(newRedis), required: names("redisHost"), server: redisServer, also: names("maxRetries", "maxRetryBackoff", "useAzureAD", "processingTimeout", "redeliverInterval"), prefixed: names("azure")},
	{types: names("state.postgresql", "state.postgres"), new: stateStore(postgresv1.NewPostgreSQLStateStore), required: names("connectionString|url|host"), server: postgresServer, also: alsoPostgres, prefixed: names("azure", "aws")},
	{types: names("state.postgresql", "state.postgres"), version: "v2", new: stateStore(postgresv2.NewPostgreSQLStateStore), required: names("connectionString|url|host"), server: postgresServer, also: alsoPostgres, prefixed: names("azure", "aws")},
	{types: names(mesh.TypeEmbedded), new: embeddedStore, also: names("timeout", "busyTimeout")},

	{types: names("pubsub.in-memory"), new: pubSub(newBus), local: true},
	{types: names("pubsub.jetstream"), new: pubSub(newStream), required: names("natsURL"), server: natsServer, prefixed: names("backOff")},
	{types: names("pubsub.redis"), new: pubSub(newRedisBus), required: names("redisHost"), server: redisServer, also: names("useAzureAD", "redeliverInterval"), prefixed: names("azure")},
	{types: names("pubsub.rabbitmq"), new: pubSub(newRabbit), required: names("connectionString|hostname|host"), server: rabbitmqServer},
	{types: names("pubsub.kafka"), new: pubSub(kafka.NewKafka), required: names("brokers"), server: kafkaServer, also: alsoKafka, prefixed: names("aws", "consumeRetry", "backOff")},
	{types: names("pubsub.mqtt3", "pubsub.mqtt"), new: pubSub(newMQTT), required: names("url"), server: mqttServer, greet: mqttGreet, uniqueConsumers: true},

	{types: names("bindings.cron"), new: input(cron.NewCron), required: names("schedule")},
	{types: names("bindings.http"), new: output(http.NewHTTP), required: names("url"), also: names("errorIfNot2XX")},
	{types: names("bindings.smtp"), new: output(newMailer), required: names("host")},
	{types: names("bindings.localstorage"), new: output(localstorage.NewLocalStorage), required: names("rootPath"), adjust: path("rootPath")},
	{types: names("bindings.redis"), new: output(redisbinding.NewRedis), required: names("redisHost"), server: redisServer, also: names("useAzureAD"), prefixed: names("azure")},
	{types: names("bindings.postgresql", "bindings.postgres"), new: output(postgres.NewPostgres), required: names("connectionString|url|host"), server: postgresServer, also: alsoPostgres, prefixed: names("azure", "aws")},
	{types: names("bindings.rabbitmq"), new: both(rabbitmqbinding.NewRabbitMQ), required: names("host", "queueName"), server: rabbitmqServer, also: names("contentType")},
	{types: names("bindings.kafka"), new: both(kafkabinding.NewKafka), required: names("brokers"), server: kafkaServer, also: alsoKafka, prefixed: names("aws", "consumeRetry", "backOff")},
	{types: names("bindings.mqtt3", "bindings.mqtt"), new: both(mqttbinding.NewMQTT), required: names("url", "topic"), server: mqttServer, greet: mqttGreet, also: names("consumerID", "caCert", "clientCert", "clientKey")},

	{types: names("secretstores.local.file"), new: secretStore(file.NewLocalSecretStore), required: names("secretsFile"), adjust: path("secretsFile")},
	{types: names("secretstores.local.env"), new: secretStore(env.NewEnvSecretStore)},
}

var (
	alsoPostgres = names("url", "host", "hostaddr", "port", "database", "user", "password", "sslRootCert", "useAWSIAM", "timeoutInSeconds", "cleanupIntervalInSeconds", "maxConns")
	alsoKafka    = names("consumerID", "consumerGroup", "authRequired", "clientID", "channelBufferSize", "consumerFetchMin", "consumerFetchDefault", "topics", "publishTopic")
)

func names(s ...string) []string { return s }

// driver is a line of the registry.
type driver struct {
	types []string
	// version is v1 if empty.
	version string
	new     constructor
	// required names metadata that must be there; "a|b" means one of the two.
	required []string
	// also names metadata that the component reads without telling of it.
	also []string
	// prefixed are the beginnings of metadata that the component reads by any
	// name, or hands on to a library.
	prefixed []string
	// adjust changes metadata to what holds here, such as paths.
	adjust func(base string, props map[string]string)
	// server gives the addresses that must answer before Init is worth a try.
	server func(props map[string]string) ([]address, error)
	// greet, if there is one, says hello to the server as Init would.
	greet func(ctx context.Context, props map[string]string) error
	// local says that a pub/sub component lives in this process: all its
	// consumers are one instance.
	local bool
	// uniqueConsumers says that no two connections may have the same consumer
	// id.
	uniqueConsumers bool
}

// name is the type as Dapr documents it.
func (d *driver) name() string { return d.types[0] }

// kind is the type before the dot.
func (d *driver) kind() string {
	kind, _, _ := strings.Cut(d.name(), ".")
	return kind
}

func (d *driver) versionName() string {
	if d.version == "" {
		return "v1"
	}
	return d.version
}

// find returns the driver of a type and version, as daprd reads both: in any
// case, the versions "", v0 and v1 being the first (daprd's
// pkg/components/versioning.go). versions are those that the type has.
func find(typ, version string) (d *driver, versions []string) {
	typ, version = strings.ToLower(typ), strings.ToLower(version)
	if version == "" || version == "v0" {
		version = "v1"
	}
	for i := range registry {
		line := &registry[i]
		if !slices.Contains(line.types, typ) {
			continue
		}
		versions = append(versions, line.versionName())
		if line.versionName() == version {
			d = line
		}
	}
	return d, versions
}

// types lists all types, aliases last.
func types() []string {
	var first, rest []string
	for _, d := range registry {
		if d.version == "" {
			first = append(first, d.types[0])
			rest = append(rest, d.types[1:]...)
		}
	}
	return append(first, rest...)
}
