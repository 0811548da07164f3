package components

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/dapr/kit/logger"
)

// syncEvery is how long what was written may wait for the disk.
const syncEvery = time.Second

// syncer brings a file to the disk within syncEvery of a write to it. Between
// writes it does nothing.
type syncer struct {
	path string
	log  logger.Logger

	mu    sync.Mutex
	timer *time.Timer
	// running says that a sync is due or under way.
	running, closed bool
	wg              sync.WaitGroup
}

// dirty says that something was written.
func (s *syncer) dirty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running || s.closed {
		return
	}
	s.running = true
	s.wg.Add(1)
	s.timer = time.AfterFunc(syncEvery, s.sync)
}

func (s *syncer) sync() {
	defer s.wg.Done()
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	if err := syncFile(s.path); err != nil {
		s.log.Errorf("state is written but not known to be on disk: %v", err)
	}
}

// close syncs what is due and waits for a sync under way.
func (s *syncer) close() {
	s.mu.Lock()
	s.closed = true
	due := s.running && s.timer.Stop()
	s.mu.Unlock()
	if due {
		s.sync()
	}
	s.wg.Wait()
}

// syncFile syncs a file by a handle of its own: what others wrote to it is
// synced too. There is none when SQLite has just moved its content on, synced.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
