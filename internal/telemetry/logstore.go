package telemetry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of the store on disk.
const (
	defaultFiles    = 8
	defaultFileSize = 4 << 20
)

// A LogStore keeps the last log lines in files of JSON lines. Writing is
// asynchronous and never holds up who writes; when lines come faster than the
// disk takes them the oldest are dropped, and a line says how many.
type LogStore struct {
	dir      string
	files    int
	fileSize int64
	queue    *lineQueue
	done     chan struct{}

	// mu guards what follows: the file being written and where it is.
	mu      sync.Mutex
	file    *os.File
	buf     *bufio.Writer
	number  int
	size    int64
	failed  bool
	changed chan struct{} // closed and replaced at each flush
}

// record is a line as it stands in a file: JSON as it is, other text as a
// string.
type record struct {
	Time     int64           `json:"t"` // Unix nanoseconds
	Function string          `json:"f,omitempty"`
	PID      int             `json:"p,omitempty"`
	Line     json.RawMessage `json:"l"`
}

// OpenLogStore opens the store in dir, which is made if need be. Lines of
// earlier runs are kept within the bounds.
func OpenLogStore(dir string) (*LogStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for logs: %w", err)
	}
	s := &LogStore{
		dir: dir, files: defaultFiles, fileSize: defaultFileSize,
		queue: newLineQueue(), done: make(chan struct{}), changed: make(chan struct{}),
	}
	numbers, err := s.numbers()
	if err != nil {
		return nil, err
	}
	if len(numbers) > 0 {
		s.number = numbers[len(numbers)-1]
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	go s.write()
	return s, nil
}

// Put stores a line, soon. The text must not change afterwards.
func (s *LogStore) Put(l Line) { s.queue.put(l) }

// Flush waits until all lines put so far can be read.
func (s *LogStore) Flush() { s.queue.flush() }

// Close stores what is waiting and closes the store.
func (s *LogStore) Close() error {
	s.queue.close()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = nil
	return errors.Join(s.buf.Flush(), s.file.Close())
}

func (s *LogStore) path(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%08d.jsonl", number))
}

// numbers lists the files there are, oldest first.
func (s *LogStore) numbers() ([]int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing logs: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".jsonl")
		if n, err := strconv.Atoi(name); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// open opens the file of s.number for appending, on a fresh line even if the
// last engine was killed amid one.
func (s *LogStore) open() error {
	f, err := os.OpenFile(s.path(s.number), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("opening the log: %w", err), f.Close())
	}
	s.file, s.size = f, info.Size()
	if s.buf == nil {
		s.buf = bufio.NewWriterSize(f, 16<<10)
	} else {
		s.buf.Reset(f)
	}
	last := make([]byte, 1)
	if s.size > 0 {
		if _, err := f.ReadAt(last, s.size-1); err == nil && last[0] != '\n' {
			s.put([]byte{'\n'})
		}
	}
	return nil
}

// write moves lines from the queue to the file until the store is closed.
func (s *LogStore) write() {
	defer close(s.done)
	var lines []Line
	for {
		var lost uint64
		var ok bool
		lines, lost, ok = s.queue.take(lines)
		if !ok {
			return
		}
		s.mu.Lock()
		if lost > 0 {
			s.line(Line{Time: time.Now(), Text: fmt.Appendf(nil, "%d log lines were dropped: they came faster than they could be written", lost)})
		}
		for _, l := range lines {
			s.line(l)
		}
		s.flush()
		s.mu.Unlock()
		clear(lines)
		if cap(lines) > 1024 {
			lines = nil
		}
	}
}

// line appends one line and begins a new file when this one is full.
func (s *LogStore) line(l Line) {
	raw := json.RawMessage(l.Text)
	if len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		raw, _ = json.Marshal(string(l.Text))
	}
	b := make([]byte, 0, len(raw)+96)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, l.Time.UnixNano(), 10)
	if l.Function != "" {
		b = append(b, `,"f":`...)
		b = strconv.AppendQuote(b, l.Function)
	}
	if l.PID != 0 {
		b = append(b, `,"p":`...)
		b = strconv.AppendInt(b, int64(l.PID), 10)
	}
	b = append(b, `,"l":`...)
	b = append(b, raw...)
	s.put(append(b, '}', '\n'))
	if s.size >= s.fileSize {
		s.rotate()
	}
}

func (s *LogStore) put(b []byte) {
	n, err := s.buf.Write(b)
	s.size += int64(n)
	s.note(err)
}

// note says once that logs cannot be written: a full disk must not end the
// mesh.
func (s *LogStore) note(err error) {
	if err != nil && !s.failed {
		s.failed = true
		fmt.Fprintf(os.Stderr, "weft: log lines are lost: %v\n", err)
	}
}

func (s *LogStore) flush() {
	err := s.buf.Flush()
	s.note(err)
	if err != nil {
		s.buf.Reset(s.file) // a bufio.Writer keeps its first error
	} else {
		s.failed = false
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *LogStore) rotate() {
	s.note(s.buf.Flush())
	old := s.file
	s.number++
	if err := s.open(); err != nil {
		s.note(err)
		s.number--
		s.size = 0 // try again a file's length later
		return
	}
	s.note(old.Close())
	numbers, err := s.numbers()
	s.note(err)
	for len(numbers) > s.files {
		s.note(os.Remove(s.path(numbers[0])))
		numbers = numbers[1:]
	}
}

// decodeRecord reads one line of a file.
func decodeRecord(b []byte) (Line, bool) {
	var r record
	if json.Unmarshal(b, &r) != nil || len(r.Line) == 0 {
		return Line{}, false
	}
	l := Line{Time: time.Unix(0, r.Time), Function: r.Function, PID: r.PID, Text: r.Line}
	if r.Line[0] == '"' {
		var text string
		if json.Unmarshal(r.Line, &text) != nil {
			return Line{}, false
		}
		l.Text = []byte(text)
	}
	return l, true
}

// A place is a position in the store's files.
type place struct {
	number int
	offset int64
}

// read calls fn with each line from p on and returns where it ended. Files
// that rotation has removed are passed over.
func (s *LogStore) read(p place, fn func(Line) bool) (place, error) {
	numbers, err := s.numbers()
	if err != nil {
		return p, err
	}
	for _, n := range numbers {
		if n < p.number {
			continue
		}
		if n > p.number {
			p = place{number: n}
		}
		done, err := s.readFile(&p, fn)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || done {
			return p, err
		}
	}
	return p, nil
}

func (s *LogStore) readFile(p *place, fn func(Line) bool) (done bool, err error) {
	f, err := os.Open(s.path(p.number))
	if err != nil {
		return false, fmt.Errorf("reading logs: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(p.offset, 0); err != nil {
		return false, fmt.Errorf("reading logs: %w", err)
	}
	r := bufio.NewReaderSize(f, 64<<10)
	var long []byte
	for {
		b, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, b...)
			continue
		}
		if err != nil {
			return false, nil // the end, perhaps amid a line that is being written
		}
		if long != nil {
			b, long = append(long, b...), nil
		}
		p.offset += int64(len(b))
		if l, ok := decodeRecord(bytes.TrimSuffix(b, []byte{'\n'})); ok && !fn(l) {
			return true, nil
		}
	}
}
