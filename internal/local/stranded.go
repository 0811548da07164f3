package local

import (
	"context"
	"time"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// strandedTimeout bounds the look for events that nobody takes.
const strandedTimeout = 5 * time.Second

// warnOfStranded tells of events that an earlier mesh left in queues which this
// one does not take from: their function is gone, or nothing is linked to it
// any more. They are kept.
func (e *engine) warnOfStranded(p *mesh.Plan) {
	var queues []string
	for _, f := range p.Functions {
		if f.Queued() {
			queues = append(queues, delivery.QueueName(f))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), strandedTimeout)
	defer cancel()
	stranded, err := e.broker.Stranded(ctx, queues...)
	if err != nil {
		e.log.Debug("look for stranded events", "error", err.Error())
		return
	}
	for queue, n := range stranded {
		e.log.Warn("events wait in a queue that the mesh does not take from any more: link to the function again to have them handled", "function", queue, "events", n)
	}
}
