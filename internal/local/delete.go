package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftmesh/weft/mesh/source"
)

// LeftError means that queues were not removed because they hold events.
type LeftError struct{ Events, DeadLetters int }

func (e *LeftError) Error() string {
	verb := "are"
	if e.Events+e.DeadLetters == 1 {
		verb = "is"
	}
	var what []string
	for _, c := range []struct {
		n    int
		noun string
	}{{e.Events, "event"}, {e.DeadLetters, "dead letter"}} {
		switch c.n {
		case 0:
		case 1:
			what = append(what, "1 "+c.noun)
		default:
			what = append(what, fmt.Sprintf("%d %ss", c.n, c.noun))
		}
	}
	return fmt.Sprintf("%s %s left", strings.Join(what, " and "), verb)
}

// Delete removes the queues and dead letters of the mesh of opts.File from its
// data directory, under the directory's lock: no engine may be running on it.
// It says whether there were any. Unless force is set, a *LeftError keeps
// those that hold events.
func Delete(ctx context.Context, opts Options, force bool) (removed bool, err error) {
	opts = opts.withDefaults()
	bundle, problems := source.Load(opts.File, source.Options{Set: opts.Set})
	if bundle.Plan == nil {
		return false, problems.Err()
	}
	if opts.Data == "" {
		opts.Data = filepath.Join(bundle.Dir, DefaultData)
	}
	if _, err := os.Stat(filepath.Join(opts.Data, dirJetStream)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	data, err := openData(opts.Data)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	broker, err := openBroker(data.file(dirJetStream), bundle.Plan, opts, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	events, letters, err := broker.Left(ctx)
	if err != nil {
		return false, err
	}
	if events+letters > 0 && !force {
		return false, &LeftError{Events: events, DeadLetters: letters}
	}
	if err := broker.Remove(ctx); err != nil {
		return false, fmt.Errorf("removing the queues: %w", err)
	}
	return true, data.removeRun()
}

// CheckData says what keeps an engine from running on a data directory: a lock
// that another has, another format, or that it cannot be written. A directory
// that is not there yet is no fault.
func CheckData(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	d, err := openData(path)
	if err != nil {
		return err
	}
	return d.close()
}
