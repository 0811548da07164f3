package components

import (
	"errors"
	"reflect"

	"github.com/nats-io/nats.go"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/kit/logger"
)

// logErrors has the client of a JetStream component log what goes wrong on its
// connection, such as a consumer that is too slow or a subject that is
// forbidden. Without a handler the client writes it to stderr, and
// components-contrib sets none and does not give out the connection: it is read
// from the component, and left alone where it is not found.
func logErrors(p pubsub.PubSub, log logger.Logger) {
	v := reflect.Indirect(reflect.ValueOf(p))
	if v.Kind() != reflect.Struct {
		return
	}
	field := v.FieldByName("nc")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*nats.Conn]() || field.IsNil() {
		return
	}
	(*nats.Conn)(field.UnsafePointer()).SetErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		switch {
		// Its own end, which is asked for.
		case errors.Is(err, nats.ErrConnectionDraining), errors.Is(err, nats.ErrConnectionClosed):
			log.Debugf("connection to NATS: %v", err)
		case sub != nil:
			log.Warnf("connection to NATS, subscription to %s: %v", sub.Subject, err)
		default:
			log.Warnf("connection to NATS: %v", err)
		}
	})
}
