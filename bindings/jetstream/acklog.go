package jetstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// ackLog keeps the ids of the events of one queue that were acknowledged within
// the dedup window, so that the events themselves need not be kept. While the
// engine runs it remembers ids for the window whether or not their events are
// still there (see recent); only what it rebuilds that memory from, when it
// starts, is what the stream holds. The log is read at that moment alone.
//
// An id is written before its event is acknowledged, with one plain write: the
// page cache outlives the process, and the syncer takes the file to the disk.
// Two files alternate, each for one window, which bounds them: when a file's
// turn comes again, all in it is older than the window.
//
// An id that cannot be written does not hold up its event, whose consequences
// are durable: to have the event come again would mean certainly what the log
// is there to avoid. The id waits in memory for the next one that is written,
// and the guard is told. Only if the process ends before there is room, that
// event, if repeated, is routed twice.
type ackLog struct {
	paths  [2]string
	window time.Duration
	now    func() time.Time
	failed chan<- string // is told of failed writes

	mu        sync.Mutex
	file      *os.File // nil once closed
	turn      int      // index of file in paths
	begun     time.Time
	unwritten []byte
	forget    *time.Timer

	known atomic.Pointer[map[key]uint32] // to the time in the record
}

const (
	// logDir is beside the server's directory.
	logDir = "acknowledged"
	// recordSize: a key, then the time in Unix seconds at which the event was
	// stored, big endian.
	recordSize = len(key{}) + 4
	// maxUnwritten bounds what waits for room on the disk, in bytes.
	maxUnwritten = 1 << 20
	// recall is how long ids that were read are remembered at least. What
	// repeats them is an event that was in hand when the last run ended: it
	// comes back after the ack wait, and its handler runs once more, for which
	// there is as long as a call takes by default, and some.
	recall = ackWait + 45*time.Second
)

func logPaths(dir, stream string) [2]string {
	base := filepath.Join(dir, logDir, stream)
	return [2]string{base + ".0", base + ".1"}
}

// openAckLog opens the log of a stream under dir, and remembers the ids in it
// that are younger than the window.
func openAckLog(dir, stream string, window time.Duration, now func() time.Time, failed chan<- string) (*ackLog, error) {
	l := &ackLog{paths: logPaths(dir, stream), window: window, now: now, failed: failed}
	if err := os.MkdirAll(filepath.Dir(l.paths[0]), 0o700); err != nil {
		return nil, fmt.Errorf("log of acknowledged events: %w", err)
	}
	young, err := l.read()
	if err != nil {
		return nil, err
	}
	// All that is young goes into one file, or runs that end soon would make
	// it longer each time. It takes the place of the first only when complete.
	fresh := l.paths[0] + ".new"
	if err := os.WriteFile(fresh, young, 0o600); err != nil {
		return nil, fmt.Errorf("log of acknowledged events: %w", err)
	}
	if len(young) > 0 {
		if err := syncFile(fresh); err != nil {
			return nil, fmt.Errorf("log of acknowledged events: %w", err)
		}
	}
	if err := os.Rename(fresh, l.paths[0]); err != nil {
		return nil, fmt.Errorf("log of acknowledged events: %w", err)
	}
	if err := gone(os.Remove(l.paths[1])); err != nil {
		return nil, fmt.Errorf("log of acknowledged events: %w", err)
	}
	l.file, err = os.OpenFile(l.paths[0], os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of acknowledged events: %w", err)
	}
	l.begun = now()
	l.remember(young)
	return l, nil
}

// read returns the records of both files that are younger than the window. A
// last record that is torn is left out, and so is one of zeros, as a power cut
// may leave: it is old.
func (l *ackLog) read() ([]byte, error) {
	var young []byte
	oldest := l.now().Add(-l.window).Unix()
	for _, path := range l.paths {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("log of acknowledged events: %w", err)
		}
		for ; len(data) >= recordSize; data = data[recordSize:] {
			if int64(binary.BigEndian.Uint32(data[len(key{}):])) >= oldest {
				young = append(young, data[:recordSize]...)
			}
		}
	}
	return young, nil
}

// remember has the ids of the records known for a while.
func (l *ackLog) remember(records []byte) {
	if len(records) == 0 {
		return
	}
	known := make(map[key]uint32, len(records)/recordSize)
	for ; len(records) >= recordSize; records = records[recordSize:] {
		known[key(records)] = binary.BigEndian.Uint32(records[len(key{}):])
	}
	l.known.Store(&known)
	if l.forget != nil {
		l.forget.Stop()
	}
	l.forget = time.AfterFunc(max(l.window, recall), func() { l.known.CompareAndSwap(&known, nil) })
}

// reread is for when the server opens its streams anew while we run.
func (l *ackLog) reread() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	young, err := l.read()
	if err != nil {
		return err
	}
	l.remember(append(young, l.unwritten[len(l.unwritten)%recordSize:]...))
	return nil
}

// has tells whether k was acknowledged in a run before this one, within the
// window. A nil log knows nothing.
func (l *ackLog) has(k key) bool {
	if l == nil {
		return false
	}
	known := l.known.Load()
	if known == nil {
		return false
	}
	_, ok := (*known)[k]
	return ok
}

// settled tells whether the event of that id that was stored at that time was
// acknowledged. The server writes down what was acknowledged some time after it
// was told, and hands out again what a kill kept it from writing down.
func (l *ackLog) settled(id string, stored time.Time) bool {
	if l == nil {
		return false
	}
	known := l.known.Load()
	if known == nil {
		return false
	}
	k, ok := parseKey(id)
	if !ok {
		return false
	}
	at, ok := (*known)[k]
	return ok && at == unix(stored)
}

func unix(t time.Time) uint32 { return uint32(t.Unix()) } //nolint:gosec // until 2106

// add writes the id of an event that was stored at that time and is about to be
// acknowledged, which it must not be if the log is closed.
func (l *ackLog) add(id string, stored time.Time) error {
	if l == nil {
		return nil
	}
	now := l.now()
	if now.Sub(stored) >= l.window {
		return nil // this run has forgotten it, too
	}
	k, ok := parseKey(id)
	if !ok {
		return nil // not published by a Broker
	}
	var record [recordSize]byte
	copy(record[:], k[:])
	binary.BigEndian.PutUint32(record[len(k):], unix(stored))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return delivery.ErrClosed
	}
	if now.Sub(l.begun) >= l.window {
		l.alternate(now)
	}
	data := record[:]
	if len(l.unwritten) > 0 {
		if len(l.unwritten) < maxUnwritten {
			l.unwritten = append(l.unwritten, data...)
		}
		data = l.unwritten
	}
	n, err := l.file.Write(data)
	if err == nil {
		l.unwritten = nil
		return nil
	}
	// What was written of a record stays where it is, and its rest follows.
	l.unwritten = slices.Clone(data[n:])
	tellFailed(l.failed, failedWrite+": "+err.Error())
	return nil
}

// alternate goes on with the other file, or with this one if that cannot be.
func (l *ackLog) alternate(now time.Time) {
	next, err := os.OpenFile(l.paths[1-l.turn], os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		tellFailed(l.failed, failedWrite+": "+err.Error())
		return
	}
	_ = l.file.Close()
	l.file, l.turn, l.begun = next, 1-l.turn, now
	l.unwritten = l.unwritten[len(l.unwritten)%recordSize:]
}

// close ends the log, synced.
func (l *ackLog) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forget != nil {
		l.forget.Stop()
	}
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
