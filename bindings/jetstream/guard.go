package jetstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A stream of the embedded server that could not be written, for want of space
// mostly, takes nothing more until it is opened anew. The guard waits until
// the directory can be written and then opens all of them.

// failedWrite is how the server's log tells that a stream is in that state.
const failedWrite = "critical write error"

const (
	// guardEvery is how often the guard looks whether it can write.
	guardEvery = time.Second
	// guardRoom is what it must be able to write, in bytes: enough for the
	// streams to be opened and to take a little.
	guardRoom = 4 << 20
)

// guard runs until ctx ends; the server's log signals failed.
func (s *Server) guard(ctx context.Context, failed <-chan string) {
	for {
		var reason string
		select {
		case <-ctx.Done():
			return
		case reason = <-failed:
		}
		err := fmt.Errorf("queues in %s cannot be written, so nothing is taken until there is room: %s", s.opts.Dir, reason)
		s.unwell.Store(&err)
		s.log.Error("queues cannot be written; nothing is accepted until there is room on the disk", "directory", s.opts.Dir, "error", reason)
		for s.reopen() != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(guardEvery):
			}
		}
		// What was said while the streams were closed is over.
		select {
		case <-failed:
		default:
		}
		s.unwell.Store(nil)
		s.interrupt()
		s.log.Info("queues can be written again", "directory", s.opts.Dir)
	}
}

// reopen closes and opens all streams, if the directory can be written.
func (s *Server) reopen() error {
	if err := probe(s.opts.Dir); err != nil {
		return err
	}
	if s.srv.JetStreamEnabled() {
		if err := s.srv.ShutdownJetStream(); err != nil {
			return err
		}
	}
	// The server adds its own directory to the one it is given.
	config := s.config
	config.StoreDir = s.opts.Dir
	if err := s.srv.EnableJetStream(&config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), recallWithin)
	defer cancel()
	s.mu.Lock()
	queues := slices.Collect(maps.Values(s.queues))
	s.mu.Unlock()
	for _, q := range queues {
		// What was not answered will not be, and may have been stored.
		q.recent.crash(errReopened)
		if err := errors.Join(s.recall(ctx, q), q.acked.reread()); err != nil {
			s.log.Warn("repeated events may be routed twice", "queue", q.name, "error", err)
		}
	}
	return nil
}

// errReopened answers what was published as the streams went away.
var errReopened = errors.New("the queues were opened anew meanwhile")

// probe writes a file of guardRoom bytes.
func probe(dir string) error {
	path := filepath.Join(dir, "room")
	defer func() { _ = os.Remove(path) }()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, guardRoom))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// tellFailed passes a failed write on, without waiting.
func tellFailed(failed chan<- string, text string) {
	if i := strings.Index(text, failedWrite+": "); i >= 0 {
		select {
		case failed <- text[i+len(failedWrite)+2:]:
		default:
		}
	}
}
