package jetstream

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// serverSync is the embedded server's own interval between syncs, its default.
// Weft does not shorten it to what Options.Sync asks for: the server then
// opens and syncs a file of each stream at each interval, in use or not, and
// holds a block's lock over the sync of its data, so that every publisher
// waits for the disk. The syncer syncs the same files from outside instead,
// and rests when nothing is written.
const serverSync = 2 * time.Minute

// syncer syncs the files of all streams a while after something was written.
type syncer struct {
	dir   string
	every time.Duration
	dirty atomic.Bool
	wake  chan struct{}
	// failed is told of files that cannot be synced.
	failed chan<- string
}

func newSyncer(dir string, every time.Duration, failed chan<- string) *syncer {
	return &syncer{dir: dir, every: every, wake: make(chan struct{}, 1), failed: failed}
}

// touch says that something was written; a nil syncer, of a server that is not
// ours, has nothing to do.
func (s *syncer) touch() {
	if s == nil || s.dirty.Load() || s.dirty.Swap(true) {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run syncs until ctx ends.
func (s *syncer) run(ctx context.Context) {
	// Files written before the last sync began need none.
	since := time.Now().Add(-s.every)
	timer := time.NewTimer(s.every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		timer.Reset(s.every)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.dirty.Store(false)
		began := time.Now()
		if err := s.sync(since); err != nil {
			tellFailed(s.failed, failedWrite+": "+err.Error())
		}
		since = began
	}
}

// mtimeSlack allows for file systems whose clock is coarser than ours.
const mtimeSlack = 100 * time.Millisecond

// sync syncs what was modified since then: blocks and indexes of streams,
// states of consumers, and directories that gained a file.
func (s *syncer) sync(since time.Time) error {
	since = since.Add(-mtimeSlack)
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return gone(err)
		}
		info, err := d.Info()
		if err != nil {
			return gone(err)
		}
		if info.ModTime().Before(since) || !d.IsDir() && !info.Mode().IsRegular() {
			return nil
		}
		return gone(syncFile(path))
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// gone forgives files that were removed meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
