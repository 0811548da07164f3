package components

import (
	"context"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	"github.com/dapr/kit/logger"
)

// rabbit is pubsub.rabbitmq, but for one thing: that of components-contrib
// answers that a message was published where the caller gave up while it was
// waiting to try again.
type rabbit struct{ pubsub.PubSub }

func newRabbit(log logger.Logger) pubsub.PubSub { return rabbit{rabbitmq.NewRabbitMQ(log)} }

// Publish publishes, or says that it did not.
func (r rabbit) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	if err := r.PubSub.Publish(ctx, req); err != nil {
		return err
	}
	return ctx.Err()
}

// GetComponentMetadata tells of the metadata that may be set.
func (r rabbit) GetComponentMetadata() metadata.MetadataMap {
	return part{pubsub: r.PubSub}.metadata()
}
