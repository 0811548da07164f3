package components

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
)

// locked is a buffer that may be written to from anywhere.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestStreamLogsErrors has a server forbid a subject: it tells the client
// beside the answers to its calls.
func TestStreamLogsErrors(t *testing.T) {
	user := &server.User{Username: "shop", Password: "s3cret", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"forbidden"}}}}
	srv := natsServerFor(t, &server.Options{Users: []*server.User{user}})
	url := strings.Replace(srv.ClientURL(), "nats://", "nats://shop:s3cret@", 1)
	var out locked
	s := newStream(&bridge{log: slog.New(slog.NewTextHandler(&out, nil))})
	if err := s.Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Name: "events", Properties: map[string]string{"natsURL": url}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Publish(t.Context(), &pubsub.PublishRequest{Topic: "forbidden", Data: []byte("x")}); err == nil {
		t.Error("the forbidden subject takes a message")
	}
	eventually(t, "a line in the log", func(context.Context) error {
		if text := out.String(); !strings.Contains(text, "Permissions Violation") {
			return fmt.Errorf("the log holds %q", text)
		}
		return nil
	})
}
