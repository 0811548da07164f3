package subscriptions

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/weftmesh/weft/mesh/source"
)

// entry is one subscription in the answer to GET /dapr/subscribe.
type entry struct {
	PubSub     string            `json:"pubsubname"`
	Topic      string            `json:"topic"`
	DeadLetter string            `json:"deadLetterTopic"`
	Metadata   map[string]string `json:"metadata"`
	Route      string            `json:"route"`
	Routes     struct {
		Rules   []source.SubscriptionRule `json:"rules"`
		Default string                    `json:"default"`
	} `json:"routes"`
	Bulk struct {
		Enabled     bool  `json:"enabled"`
		MaxMessages int32 `json:"maxMessagesCount"`
		MaxAwaitMs  int32 `json:"maxAwaitDurationMs"`
	} `json:"bulkSubscribe"`
}

// entryFaults is the error of a list of subscriptions with fields of the wrong
// type, each with its place.
type entryFaults []string

func (fs entryFaults) Error() string { return strings.Join(fs, "; ") }

// parseSubscriptions reads the answer to GET /dapr/subscribe. An empty one is an
// empty list. With one entry at fault none counts (daprd's rule).
func parseSubscriptions(body []byte) ([]asked, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("it is a JSON %s", t.Value)
		}
		return nil, err
	}
	var wrong entryFaults
	out := make([]asked, len(list))
	for i, raw := range list {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			wrong = append(wrong, fmt.Sprintf("[%d]%s", i, misfit(err)))
			continue
		}
		out[i] = e.asked()
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return out, nil
}

func (e *entry) asked() asked {
	a := asked{
		pubsub: e.PubSub, topic: e.Topic, rules: e.Routes.Rules, fallback: e.Routes.Default,
		deadLetter: e.DeadLetter, metadata: maps.Clone(e.Metadata),
	}
	if a.fallback == "" {
		a.fallback = e.Route
	}
	if e.Bulk.Enabled {
		a.bulk = &source.BulkSubscribe{
			MaxMessages: int(e.Bulk.MaxMessages), MaxAwait: time.Duration(e.Bulk.MaxAwaitMs) * time.Millisecond,
		}
	}
	return a
}

// misfit says which field of an entry is of the wrong type, and what it should
// be, in the words of JSON.
func misfit(err error) string {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return ": " + err.Error()
	}
	field := ""
	if t.Field != "" {
		field = "." + t.Field
	}
	wanted := "an object"
	switch t.Type.Kind() {
	case reflect.String:
		wanted = "a string"
	case reflect.Bool:
		wanted = "true or false"
	case reflect.Int32:
		wanted = "a whole number"
	case reflect.Slice:
		wanted = "a list"
	}
	return fmt.Sprintf("%s is of type %s, and %s is wanted", field, t.Value, wanted)
}
