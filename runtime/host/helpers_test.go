package host_test

import (
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/wire"
)

var zero time.Time

// line shows an emitted event as "to id data".
func line(e *event.Event) string {
	return fmt.Sprintf("%s %s %s", wire.Extension(e, "weftto"), e.ID(), e.Data())
}
