package scalers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/internal/kinds"
)

// Watched is a queue that a front watches for KEDA.
type Watched struct {
	// Queue by name.
	Queue string
	// Target is the number of waiting events for which one replica more is
	// wanted; at least 1.
	Target int
}

// Pushed is what KEDA asks a front to watch for one scale target.
type Pushed struct {
	// Queues, of which the one counts that calls for most replicas.
	Queues []Watched
	// Activation is the number of replicas that must be called for, and one
	// event more, before anybody is woken; 0 wakes for the first event.
	Activation int
}

const (
	keyQueues     = "queues"
	keyActivation = "activation"
)

// Push gives KEDA's external-push trigger: the front at address, as HOST:PORT,
// tells it of events at once, instead of being found out by a poll of the
// broker.
func Push(address string, p Pushed) kinds.Trigger {
	queues := make([]string, len(p.Queues))
	for i, w := range p.Queues {
		queues[i] = w.Queue + "=" + strconv.Itoa(w.Target)
	}
	return kinds.Trigger{Type: "external-push", Metadata: map[string]string{
		"scalerAddress": address, keyQueues: strings.Join(queues, ","), keyActivation: strconv.Itoa(p.Activation),
	}}
}

// ParsePush reads the metadata that Push writes.
func ParsePush(metadata map[string]string) (p Pushed, err error) {
	had := make(map[string]bool)
	for one := range strings.SplitSeq(metadata[keyQueues], ",") {
		queue, text, _ := strings.Cut(one, "=")
		target, err := strconv.Atoi(text)
		if err != nil || queue == "" || target < 1 {
			return p, fmt.Errorf("metadata %s: %q is not QUEUE=EVENTS, with one event or more for a replica", keyQueues, one)
		}
		if had[queue] {
			return p, fmt.Errorf("metadata %s: %s is there twice", keyQueues, queue)
		}
		had[queue] = true
		p.Queues = append(p.Queues, Watched{queue, target})
	}
	if text := metadata[keyActivation]; text != "" {
		if p.Activation, err = strconv.Atoi(text); err != nil || p.Activation < 0 {
			return p, fmt.Errorf("metadata %s: %q is no number of replicas", keyActivation, text)
		}
	}
	return p, nil
}
