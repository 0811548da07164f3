package daprbroker

import (
	"context"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

// connection says what an instance of the component is for.
type connection struct {
	// consumer that it subscribes for; "" for one that publishes.
	consumer string
	settings []setting
	// logged sees what the instance logs as an error; may be nil.
	logged func(text string)
	// queue that it listens for; nil for one that publishes.
	queue *queue
	// lost is told when the instance has lost its server for good; nil for one
	// that publishes.
	lost func(error)
	// props sees the metadata that the instance opens with; may be nil.
	props func(map[string]string)
}

// connector opens instances of the component.
type connector func(ctx context.Context, c connection) (*instance, error)

// instance of the component.
type instance struct {
	pubsub.PubSub
	release func() error
}

// closeWait bounds the Close of an instance: some wait for a server that does
// not answer.
const closeWait = 5 * time.Second

// close releases the instance and reports whether that came to an end.
func (i *instance) close() (ended bool) {
	done := make(chan struct{})
	go func() {
		_ = i.release() // it is of no use any more, whatever it says
		close(done)
	}()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
