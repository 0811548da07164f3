//go:build unix

// Package ledger keeps records in an append-only file that several processes
// share: enough of a database for the samples, and small enough to read.
//
// What it promises:
//   - A record is there wholly or not at all, whatever is killed and when. A
//     line that a killed process left half written is cut off by the next
//     writer.
//   - Update is a transaction among all processes: it sees every record
//     appended before it, and nobody appends meanwhile.
//
// What it does not: files are not synced, so a power cut can lose the latest
// records; and nothing is ever removed.
//
// A handle keeps 8 bytes of hash and 8 of offset per record, not the record.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Path returns the file that a URL such as file:.weft/orders.ledger names,
// relative to the working directory. It is how the samples read DATABASE_URL.
func Path(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "file:")
	if !ok || path == "" {
		return "", fmt.Errorf("ledger: %q is not file:PATH, the only kind that the samples know", url)
	}
	return path, nil
}

// File is a ledger. It is safe for concurrent use.
type File struct {
	mu    sync.Mutex
	f     *os.File
	apply func(Record) error
	// end of what has been read, always the end of a line.
	end int64
	// torn says that half a line follows end.
	torn  bool
	index map[uint64]int64 // slot -> offset of its line
	line  bytes.Buffer
}

// Open opens the ledger at path, which is created if it does not exist, with
// its directory. Every record is given to apply once, in the order of the
// file, those of other processes and one's own: what apply builds is the state
// that the ledger stands for. apply may be nil; it must not call File.
func Open(path string, apply func(Record) error) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if apply == nil {
		apply = func(Record) error { return nil }
	}
	l := &File{f: f, apply: apply, index: make(map[uint64]int64)}
	if err := l.Update(func(*Tx) error { return nil }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Close closes the file.
func (l *File) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

// Update runs fn as a transaction: it sees all records of all processes, and
// what it appends becomes visible when it returns nil. One write holds all of
// it; a process killed in that write may leave the first of several records,
// never a part of one.
func (l *File) Update(fn func(*Tx) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := lock(l.f); err != nil {
		return fmt.Errorf("ledger: locking %s: %w", l.f.Name(), err)
	}
	defer unlock(l.f)
	if err := l.catchUp(); err != nil {
		return err
	}
	tx := &Tx{l: l}
	if err := fn(tx); err != nil || len(tx.buf) == 0 {
		return err
	}
	return l.write(tx.buf)
}

// write appends whole lines at the end of the last whole line, over what a
// killed process may have left there.
func (l *File) write(lines []byte) error {
	if l.torn {
		if err := l.f.Truncate(l.end); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	if _, err := l.f.WriteAt(lines, l.end); err != nil {
		// Disk full, most likely: leave no half line behind.
		return fmt.Errorf("ledger: %w", errors.Join(err, l.f.Truncate(l.end)))
	}
	return l.catchUp()
}

// catchUp applies the whole lines beyond end. The caller holds the lock.
func (l *File) catchUp() error {
	buf := make([]byte, 4<<10)
	l.line.Reset()
	for at := l.end; ; {
		n, err := l.f.ReadAt(buf, at)
		at += int64(n)
		l.line.Write(buf[:n])
		for {
			nl := bytes.IndexByte(l.line.Bytes(), '\n')
			if nl < 0 {
				break
			}
			if err := l.one(l.line.Next(nl + 1)[:nl]); err != nil {
				return fmt.Errorf("ledger: %s at byte %d: %w", l.f.Name(), l.end, err)
			}
			l.end += int64(nl) + 1
		}
		if errors.Is(err, io.EOF) {
			l.torn = l.line.Len() > 0
			return nil
		}
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		if len(buf) < 64<<10 {
			buf = make([]byte, 64<<10) // a long way to go: read more at once
		}
	}
}

func (l *File) one(line []byte) error {
	r, err := parse(line)
	if err != nil {
		return err
	}
	l.index[r.slot] = l.end
	return l.apply(r)
}

// find returns the record if there is one, and the slot to file it under if
// there is none.
func (l *File) find(kind, key string) (Record, uint64, bool, error) {
	for slot := home(kind, key); ; slot++ {
		at, taken := l.index[slot]
		if !taken {
			return Record{}, slot, false, nil
		}
		r, err := l.readAt(at)
		if err != nil {
			return Record{}, 0, false, err
		}
		if r.Kind == kind && r.Key == key {
			return r, slot, true, nil
		}
	}
}

func (l *File) readAt(at int64) (Record, error) {
	for size := 512; ; size *= 2 {
		buf := make([]byte, size)
		n, err := l.f.ReadAt(buf, at)
		if nl := bytes.IndexByte(buf[:n], '\n'); nl >= 0 {
			return parse(buf[:nl])
		}
		if err != nil {
			return Record{}, fmt.Errorf("ledger: %s at byte %d: %w", l.f.Name(), at, err)
		}
	}
}

// Tx is what an Update may do. It is valid within it only.
type Tx struct {
	l     *File
	buf   []byte
	added map[uint64]Record
}

// Find returns the record of that kind and key, if there is one. Records that
// the same Update has appended are not found.
func (tx *Tx) Find(kind, key string) (Record, bool, error) {
	r, _, ok, err := tx.l.find(kind, key)
	return r, ok, err
}

// Append files value, as JSON, under kind and key, which must be new.
func (tx *Tx) Append(kind, key string, value any) error {
	if !isKind(kind) {
		return fmt.Errorf("ledger: kind %q has other characters than letters", kind)
	}
	_, slot, found, err := tx.l.find(kind, key)
	if err != nil {
		return err
	}
	for ; !found; slot++ {
		if a, ok := tx.added[slot]; ok {
			found = a.Kind == kind && a.Key == key
		} else if _, taken := tx.l.index[slot]; !taken {
			break
		}
	}
	if found {
		return fmt.Errorf("ledger: %s %q is there already", kind, key)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("ledger: %s %q: %w", kind, key, err)
	}
	r := Record{Kind: kind, Key: key, Time: time.Now(), Value: data, slot: slot}
	if tx.buf, err = r.appendTo(tx.buf); err != nil {
		return fmt.Errorf("ledger: %s %q: %w", kind, key, err)
	}
	if tx.added == nil {
		tx.added = make(map[uint64]Record)
	}
	tx.added[slot] = r
	return nil
}
