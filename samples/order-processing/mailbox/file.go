package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// File keeps mail, one line of JSON each, in the order in which it came. It is
// never cut: remove the file to empty it. Several processes may append.
type File struct {
	mu sync.Mutex
	f  *os.File
}

// Open opens the file at path, which is created if it does not exist, with its
// directory.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	return &File{f: f}, nil
}

// Keep appends a message. It is there when Keep has returned nil, also if the
// process is killed; a power cut may lose the latest.
func (f *File) Keep(m Message) error {
	line, err := m.encode()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err = f.f.Write(line)
	return err
}

// Latest returns up to n messages whose subject, text or recipients contain
// text, the newest first.
func (f *File) Latest(n int, text string) ([]Message, error) {
	info, err := f.f.Stat()
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f.f, 0, info.Size()), 64<<10)
	found := make([]Message, 0, n)
	for {
		line, err := in.ReadBytes('\n')
		if m := decode(bytes.TrimSpace(line)); m != nil && m.contains(text) {
			if len(found) == n {
				found = append(found[:0], found[1:]...)
			}
			found = append(found, *m)
		}
		if errors.Is(err, io.EOF) {
			slices.Reverse(found)
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("mailbox: %w", err)
		}
	}
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

func (m *Message) contains(text string) bool {
	return strings.Contains(m.Subject, text) || strings.Contains(m.Body, text) ||
		slices.ContainsFunc(m.To, func(to string) bool { return strings.Contains(to, text) })
}
