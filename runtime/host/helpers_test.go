package host_test

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/logs"
)

var zero time.Time

// line shows an emitted event as "to id data".
func line(e *event.Event) string {
	return fmt.Sprintf("%s %s %s", wire.Extension(e, "weftto"), e.ID(), e.Data())
}

func newLogger(w io.Writer) *slog.Logger { return logs.New(w, slog.LevelDebug) }
