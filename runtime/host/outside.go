package host

import (
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
)

// disown takes Weft's own extensions out of events that the gateway passes on
// from outside, and says whether there were any: who sent an event, and how
// often, is for an engine to say. Of an event in the body the gateway does not
// read them. Only the gateway gives its calls an id.
func disown(h http.Header, events []event.Event) (changed bool) {
	if len(h[contract.HeaderEventID]) == 0 {
		return false
	}
	for i := range events {
		c, ok := events[i].Context.(*event.EventContextV1)
		if !ok {
			continue
		}
		for name := range c.Extensions {
			if strings.HasPrefix(name, contract.ExtPrefix) {
				delete(c.Extensions, name)
				changed = true
			}
		}
	}
	return changed
}

// rewrite is the body of a message with these events.
func rewrite(mode wire.Mode, events []event.Event) ([]byte, error) {
	if mode == wire.Batch {
		return wire.MarshalBatch(events)
	}
	return wire.MarshalStructured(&events[0])
}
