package components

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	redisv8 "github.com/go-redis/redis/v8"
	redisv9 "github.com/redis/go-redis/v9"
)

// quietClients takes the client libraries that write to stderr by themselves
// to slog.
var quietClients = sync.OnceFunc(func() {
	redisv8.SetLogger(redisLog{})
	redisv9.SetLogger(redisLog{})
})

// redisLog is the log of Redis clients. What goes wrong reaches the caller of
// the store anyway.
type redisLog struct{}

// Printf writes a line.
func (redisLog) Printf(ctx context.Context, format string, args ...any) {
	if slog.Default().Enabled(ctx, slog.LevelDebug) {
		slog.DebugContext(ctx, fmt.Sprintf("redis client: "+format, args...))
	}
}
