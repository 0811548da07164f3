package components

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dapr/components-contrib/pubsub"
)

// parallelMost is how many messages of a topic a function is given at a time
// where its JetStream component handles in parallel.
const parallelMost = 32

// concurrency is the metadata that says whether messages are handled one at a
// time or in parallel; components-contrib also reads pubsub.ConcurrencyKey, and
// that first.
const concurrency = "concurrency"

// serialise has a JetStream component handle the messages of each of its
// subscriptions one after the other, and tells how many subscriptions are to
// share the durable consumer of a topic so that as many are handled at a time
// as the metadata asks for. In parallel, the handler that components-contrib
// 1.18 gives to the client returns at once, which the client takes for success:
// it acknowledges what has not been handled, and what fails does not come
// again.
//
// why says, for the log, why there is one although parallel was asked for.
func serialise(props map[string]string) (width int, why string, err error) {
	mode := get(props, pubsub.ConcurrencyKey)
	if mode == "" {
		mode = get(props, concurrency)
	}
	for name := range props {
		if strings.EqualFold(name, concurrency) || strings.EqualFold(name, pubsub.ConcurrencyKey) {
			delete(props, name)
		}
	}
	props[concurrency] = string(pubsub.Single)
	switch pubsub.ConcurrencyMode(strings.ToLower(mode)) {
	case "", pubsub.Single:
		return 1, "", nil
	case pubsub.Parallel:
	default:
		return 0, "", fmt.Errorf("metadata %s: %q is neither single nor parallel", concurrency, mode)
	}
	switch {
	case strings.EqualFold(get(props, "ackPolicy"), "all"):
		return 1, "concurrency parallel is not used: with ackPolicy all, the acknowledgement of a message is one of all before it, handled or not; events are handled one at a time. ackPolicy explicit handles them in parallel", nil
	case get(props, durableName) != "" && get(props, queueGroupName) == "":
		return 1, "concurrency parallel is not used: several subscriptions share a durable consumer only in a queue group; events are handled one at a time. Set queueGroupName beside durableName to have them in parallel", nil
	}
	width = parallelMost
	// More than the server hands out would wait for nothing.
	if most, err := strconv.Atoi(get(props, "maxAckPending")); err == nil && most > 0 {
		width = min(width, most)
	}
	return width, "", nil
}
