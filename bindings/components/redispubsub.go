package components

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	redispubsub "github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/kit/logger"
)

// redeliverInterval is metadata of pubsub.redis: how often it looks for messages
// to bring again.
const redeliverInterval = "redeliverInterval"

// redisBus is pubsub.redis, but that redeliverInterval may be a duration, as
// Dapr documents it: that of components-contrib reads a number of milliseconds
// and passes over everything else, so that its default holds.
type redisBus struct{ pubsub.PubSub }

func newRedisBus(log logger.Logger) pubsub.PubSub {
	return redisBus{redispubsub.NewRedisStreams(log)}
}

// Init connects.
func (r redisBus) Init(ctx context.Context, md pubsub.Metadata) error {
	props := maps.Clone(md.Properties)
	if err := inMilliseconds(props, redeliverInterval); err != nil {
		return err
	}
	md.Properties = props
	return r.PubSub.Init(ctx, md)
}

// GetComponentMetadata tells of the metadata that may be set.
func (r redisBus) GetComponentMetadata() metadata.MetadataMap {
	return part{pubsub: r.PubSub}.metadata()
}

// inMilliseconds replaces a duration by the number of its milliseconds, at least
// 1 unless it is 0.
func inMilliseconds(props map[string]string, name string) error {
	for k, v := range props {
		if !strings.EqualFold(k, name) {
			continue
		}
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		if _, err := strconv.ParseUint(v, 10, 63); err != nil {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return fmt.Errorf("metadata %s: %q is neither a duration such as 15s nor a number of milliseconds", name, v)
			}
			if d > 0 {
				d = max(d, time.Millisecond)
			}
			v = strconv.FormatInt(d.Milliseconds(), 10)
		}
		delete(props, k)
		props[name] = v
	}
	return nil
}
