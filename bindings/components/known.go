package components

import (
	"context"
	"maps"
	"slices"
	"strings"

	kitlogger "github.com/dapr/kit/logger"
)

// builtIn are the metadata that daprd itself reads, by kind.
var builtIn = map[string][]string{
	"state":    {"keyPrefix", "actorStateStore", "outboxPublishPubsub", "outboxPublishTopic", "outboxPubsub", "outboxDiscardWhenMissingState", "primaryEncryptionKey", "secondaryEncryptionKey"},
	"pubsub":   {consumerID, "publishingScopes", "subscriptionScopes", "allowedTopics", "protectedTopics"},
	"bindings": {"direction", "route"},
}

// known lists the metadata that the component and daprd read.
func (d *driver) known() []string {
	out := slices.Concat(builtIn[d.kind()], d.also)
	for _, r := range d.required {
		out = append(out, strings.Split(r, "|")...)
	}
	told := d.new(host{log: kitlogger.FromContextOrDefault(context.Background())}).metadata()
	for _, name := range slices.Sorted(maps.Keys(told)) {
		out = append(out, name)
		out = append(out, told[name].Aliases...)
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(out, func(name string) bool {
		lower := strings.ToLower(name)
		again := seen[lower]
		seen[lower] = true
		return again
	})
}

// goes says whether a binding goes in a direction: in all if its metadata does
// not say (daprd's pkg/runtime/processor/binding).
func goes(direction string, props map[string]string) bool {
	for name, v := range props {
		if strings.EqualFold(name, "direction") {
			for d := range strings.SplitSeq(v, ",") {
				if strings.EqualFold(strings.TrimSpace(d), direction) {
					return true
				}
			}
			return false
		}
	}
	return true
}
