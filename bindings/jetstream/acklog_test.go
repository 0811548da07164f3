package jetstream

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logBench is a log whose clock the test sets.
type logBench struct {
	*testing.T
	*ackLog
	dir    string
	clock  time.Time
	failed chan string
}

func newLogBench(t *testing.T) *logBench {
	l := &logBench{T: t, dir: t.TempDir(), clock: time.Unix(1_700_000_000, 0), failed: make(chan string, 1)}
	l.open()
	t.Cleanup(func() { _ = l.close() })
	return l
}

func (l *logBench) open() {
	l.Helper()
	var err error
	l.ackLog, err = openAckLog(l.dir, "s", 30*time.Second, func() time.Time { return l.clock }, l.failed)
	if err != nil {
		l.Fatal(err)
	}
}

func (l *logBench) reopen() {
	l.Helper()
	if err := l.close(); err != nil {
		l.Fatal(err)
	}
	l.open()
}

// ack logs the event of that id, stored so long ago.
func (l *logBench) ack(id string, age time.Duration) {
	l.Helper()
	if err := l.add(eventKey("/a", id).String(), l.clock.Add(-age)); err != nil {
		l.Fatal(err)
	}
}

func (l *logBench) knows(ids ...string) map[string]bool {
	known := make(map[string]bool)
	for _, id := range ids {
		known[id] = l.has(eventKey("/a", id))
	}
	return known
}

func (l *logBench) size() (n int64) {
	for _, path := range l.paths {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}

func TestAckLog(t *testing.T) {
	cases := map[string]struct {
		reason string
		do     func(l *logBench)
		want   map[string]bool
	}{
		"Known": {"what was acknowledged is known to the next run", func(l *logBench) {
			l.ack("a", 0)
			l.ack("b", 29*time.Second)
		}, map[string]bool{"a": true, "b": true}},
		"Old": {"the server has forgotten what is older than the window, too", func(l *logBench) {
			l.ack("a", 30*time.Second)
			l.ack("b", time.Hour)
		}, map[string]bool{}},
		"Stale": {"the window goes on while nothing runs", func(l *logBench) {
			l.ack("a", 20*time.Second)
			l.ack("b", 0)
			l.clock = l.clock.Add(25 * time.Second)
		}, map[string]bool{"b": true}},
		"Files": {"both files count", func(l *logBench) {
			l.clock = l.clock.Add(29 * time.Second)
			l.ack("a", 0)
			l.clock = l.clock.Add(time.Second)
			l.ack("b", 0)
			if l.turn != 1 {
				l.Error("the window is over and the file the same")
			}
		}, map[string]bool{"a": true, "b": true}},
		"Runs": {"a run that ends soon forgets nothing", func(l *logBench) {
			l.ack("a", 0)
			l.reopen()
			l.ack("b", 0)
			l.reopen()
		}, map[string]bool{"a": true, "b": true}},
		"Torn": {"half a record at the end is none", func(l *logBench) {
			l.ack("a", 0)
			l.ack("b", 0)
			if err := os.Truncate(l.paths[0], l.size()-3); err != nil {
				l.Fatal(err)
			}
			l.reopen()
			l.ack("c", 0)
		}, map[string]bool{"a": true, "c": true}},
		"Zeros": {"a power cut leaves zeros where nothing was synced", func(l *logBench) {
			l.ack("a", 0)
			if err := os.Truncate(l.paths[0], 1000); err != nil {
				l.Fatal(err)
			}
		}, map[string]bool{"a": true}},
		"Foreign": {"an id that is not ours is of no interest", func(l *logBench) {
			for _, id := range []string{"", "x", "!!!!!!!!!!!!!!!!", "longer than the sixteen characters of a key"} {
				if err := l.add(id, l.clock); err != nil {
					l.Error(err)
				}
			}
			if n := l.size(); n != 0 {
				l.Errorf("%d bytes are written", n)
			}
		}, map[string]bool{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLogBench(t)
			tc.do(l)
			l.reopen()
			got := l.knows("a", "b", "c")
			want := map[string]bool{"a": false, "b": false, "c": false}
			for id := range tc.want {
				want[id] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestAckLogBounded: the files hold what two windows bring, however long a run
// is and however many there are.
func TestAckLogBounded(t *testing.T) {
	l := newLogBench(t)
	const perSecond = 10
	most := int64(0)
	for second := range 300 {
		for i := range perSecond {
			l.ack(strconv.Itoa(second*perSecond+i), 0)
		}
		if second%7 == 0 && second > 200 {
			l.reopen()
		}
		l.clock = l.clock.Add(time.Second)
		most = max(most, l.size())
	}
	if want := int64(2 * 30 * perSecond * recordSize); most > want {
		t.Errorf("%d bytes, want at most %d", most, want)
	}
}

// TestAckLogDiskFull: what cannot be written holds nobody up, is told, and is
// made up for.
func TestAckLogDiskFull(t *testing.T) {
	l := newLogBench(t)
	l.ack("a", 0)
	good := l.file
	bad, err := os.Open(l.paths[0]) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	l.file = bad
	l.ack("b", 0)
	l.ack("c", 0)
	select {
	case <-l.failed:
	default:
		t.Error("the guard was not told")
	}
	if err := l.reread(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"a": true, "b": true, "c": true}
	if diff := cmp.Diff(want, l.knows("a", "b", "c")); diff != "" {
		t.Errorf("what waits to be written is known: -want +got\n%s", diff)
	}
	l.file = good
	_ = bad.Close()
	// Half a record got in.
	if _, err := l.file.Write(l.unwritten[:5]); err != nil {
		t.Fatal(err)
	}
	l.unwritten = l.unwritten[5:]
	l.ack("d", 0)
	l.reopen()
	want["d"] = true
	if diff := cmp.Diff(want, l.knows("a", "b", "c", "d")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// FuzzAckLog: whatever is in the files, a log opens, and takes whole records.
func FuzzAckLog(f *testing.F) {
	f.Add([]byte(nil), []byte("0123456789abcdef0"))
	now := time.Unix(1_700_000_000, 0)
	k := eventKey("/a", "a")
	f.Add(binary.BigEndian.AppendUint32(k[:], uint32(now.Unix())), []byte{0})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, logDir), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, data := range [][]byte{first, second} {
			if err := os.WriteFile(logPaths(dir, "s")[i], data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := openAckLog(dir, "s", time.Minute, func() time.Time { return now }, make(chan string, 1))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.close() }()
		if err := l.add(k.String(), now); err != nil {
			t.Fatal(err)
		}
		if err := l.reread(); err != nil {
			t.Fatal(err)
		}
		if !l.has(k) {
			t.Error("a record that was added is not known")
		}
	})
}
