// Package watch tells which functions' sources have changed.
package watch

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/weftmesh/weft/builder"
)

// defaultSettle is longer than an editor takes to save a file in several
// steps, and than a formatter takes after it.
const defaultSettle = 100 * time.Millisecond

// Watcher watches the inputs of functions' binaries. It is safe for
// concurrent use.
type Watcher struct {
	files   *fsnotify.Watcher
	settle  time.Duration
	changed func([]string)
	logger  *slog.Logger
	// ended is closed when changed will not be called any more.
	ended chan struct{}

	mu     sync.Mutex
	inputs map[string]builder.Inputs
}

// New starts a watcher. changed is called, from one goroutine, with the names
// of the functions whose inputs changed, in order, once none has for the time
// of settle (100ms if zero), so that a save of many files is one change.
// Changes made while it runs are told afterwards.
func New(settle time.Duration, changed func(functions []string), logger *slog.Logger) (*Watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w; on Linux raise fs.inotify.max_user_instances", err)
	}
	if settle <= 0 {
		settle = defaultSettle
	}
	if logger == nil {
		logger = slog.Default()
	}
	w := &Watcher{files: files, settle: settle, changed: changed, logger: logger, ended: make(chan struct{}), inputs: make(map[string]builder.Inputs)}
	go w.run()
	return w, nil
}

// Set says what to watch for a function, in place of what was watched for it
// before: call it after each build. What it could not watch is in the error;
// the rest is watched.
func (w *Watcher) Set(in builder.Inputs) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inputs[in.Function] = in
	wanted := make(map[string]bool)
	for _, in := range w.inputs {
		for _, dir := range in.Dirs {
			wanted[dir] = true
		}
	}
	for _, dir := range w.files.WatchList() {
		if !wanted[dir] {
			_ = w.files.Remove(dir) // a directory that is gone is not watched any more
		}
	}
	var errs []error
	// Adding one that is watched already does nothing, unless it was removed
	// and made again.
	for dir := range wanted {
		if err := w.files.Add(dir); err != nil {
			errs = append(errs, fmt.Errorf("watch %s for function %s: %w; on Linux fs.inotify.max_user_watches may be too low", dir, in.Function, err))
		}
	}
	return errors.Join(errs...)
}

// Close stops the watcher; changed is not called after it has returned. It
// must not be called from changed.
func (w *Watcher) Close() error {
	err := w.files.Close()
	<-w.ended
	return err
}

func (w *Watcher) run() {
	defer close(w.ended)
	pending := make(map[string]bool)
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	note := func(touches func(builder.Inputs) bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for name, in := range w.inputs {
			if touches(in) {
				pending[name] = true
				quiet.Reset(w.settle)
			}
		}
	}
	for {
		select {
		case e, ok := <-w.files.Events:
			if !ok {
				return
			}
			// Indexers and backups change modes and times all the time.
			if e.Op != fsnotify.Chmod {
				note(func(in builder.Inputs) bool { return in.Contains(e.Name) })
			}
		case err, ok := <-w.files.Errors:
			if !ok {
				return
			}
			// Events were lost: anything may have changed.
			w.logger.Warn("watching files went wrong; building everything anew", "error", err)
			note(func(builder.Inputs) bool { return true })
		case <-quiet.C:
			w.changed(slices.Sorted(maps.Keys(pending)))
			clear(pending)
		}
	}
}
