//go:build unix

package ledger

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t testing.TB, path string, apply func(Record) error) *File {
	t.Helper()
	l, err := Open(path, apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func add(l *File, kind, key string, value any) error {
	return l.Update(func(tx *Tx) error { return tx.Append(kind, key, value) })
}

func find(t *testing.T, l *File, kind, key string) (Record, bool) {
	t.Helper()
	var r Record
	var ok bool
	err := l.Update(func(tx *Tx) (err error) { r, ok, err = tx.Find(kind, key); return err })
	if err != nil {
		t.Fatal(err)
	}
	return r, ok
}

func TestHandlesShareRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "l")
	var seen []string
	a := open(t, path, nil)
	b := open(t, path, func(r Record) error { seen = append(seen, r.Kind+" "+r.Key); return nil })
	for _, key := range []string{"one", "tab\there", "line\nfeed"} {
		if err := add(a, "mail", key, map[string]string{"to": key}); err != nil {
			t.Fatal(err)
		}
	}
	r, ok := find(t, b, "mail", "tab\there")
	if !ok {
		t.Fatal("a record that one handle appended is not found by another")
	}
	var v map[string]string
	if err := r.Decode(&v); err != nil || v["to"] != "tab\there" {
		t.Errorf("value = %v, %v", v, err)
	}
	if _, ok := find(t, b, "order", "one"); ok {
		t.Error("a record is found under another kind than its own")
	}
	if diff := cmp.Diff([]string{"mail one", "mail tab\there", "mail line\nfeed"}, seen); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if err := add(b, "mail", "one", nil); err == nil {
		t.Error("a second record of the same kind and key was taken")
	}
}

func TestUpdateThatFailsAppendsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l := open(t, path, nil)
	boom := errors.New("boom")
	err := l.Update(func(tx *Tx) error {
		if err := tx.Append("mail", "one", 1); err != nil {
			return err
		}
		if err := tx.Append("mail", "one", 2); err == nil {
			t.Error("one update appended the same key twice")
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("err = %v, want boom", err)
	}
	if _, ok := find(t, l, "mail", "one"); ok {
		t.Error("a record of a failed update is there")
	}
}

func TestCollidingSlots(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "l"), nil)
	if err := add(l, "mail", "first", 1); err != nil {
		t.Fatal(err)
	}
	// Pretend that "second" hashes to the slot of "first".
	l.index[home("mail", "second")] = l.index[home("mail", "first")]
	if _, ok := find(t, l, "mail", "second"); ok {
		t.Fatal("the record of another key was taken for it")
	}
	if err := add(l, "mail", "second", 2); err != nil {
		t.Fatal(err)
	}
	if r, ok := find(t, l, "mail", "second"); !ok || string(r.Value) != "2" {
		t.Errorf("second = %s, %v", r.Value, ok)
	}
}

func TestHalfALineIsCutOff(t *testing.T) {
	whole, err := Record{Kind: "mail", Key: "torn", Value: []byte("2"), slot: home("mail", "torn")}.appendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole { // every place at which a writer may have died
		path := filepath.Join(t.TempDir(), "l")
		if err := add(open(t, path, nil), "mail", "one", 1); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(whole[:cut]); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		n := 0
		l := open(t, path, func(Record) error { n++; return nil })
		if err := add(l, "mail", "two", 3); err != nil {
			t.Fatal(err)
		}
		if _, ok := find(t, l, "mail", "torn"); ok || n != 2 {
			t.Fatalf("cut at %d: torn found: %v, records: %d, want 2", cut, ok, n)
		}
		if n = 0; len(open(t, path, func(Record) error { n++; return nil }).index) != 2 || n != 2 {
			t.Fatalf("cut at %d: a new handle reads %d records, want 2", cut, n)
		}
	}
}

func TestDamagedLineIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	if err := os.WriteFile(path, []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, nil)
	if err == nil || !strings.Contains(err.Error(), "at byte 0") {
		t.Errorf("err = %v, want one that names byte 0", err)
	}
}

func TestPath(t *testing.T) {
	tests := map[string]struct {
		reason string
		url    string
		path   string
		err    bool
	}{
		"file":  {"the kind that samples know", "file:.weft/l", ".weft/l", false},
		"other": {"a real database is another matter", "postgres://db/orders", "", true},
		"empty": {"no path", "file:", "", true},
		"unset": {"the variable is missing", "", "", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path, err := Path(tc.url)
			if path != tc.path || (err != nil) != tc.err {
				t.Errorf("%s: Path(%q) = %q, %v", tc.reason, tc.url, path, err)
			}
		})
	}
}

// TestKilledProcesses has processes count up together and kills them: no
// number may be missing and none taken twice.
func TestKilledProcesses(t *testing.T) {
	if path := os.Getenv("LEDGER_TEST_FILE"); path != "" {
		countUp(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "l")
	total := 0
	l := open(t, path, func(Record) error { total++; return nil })
	const processes, rounds = 3, 6
	for round := range rounds {
		var started []*exec.Cmd
		for range processes {
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcesses$")
			cmd.Env = append(os.Environ(), "LEDGER_TEST_FILE="+path)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started = append(started, cmd)
		}
		for total < (round+1)*300 { // they are at work
			if err := l.Update(func(*Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		for _, cmd := range started {
			_ = cmd.Process.Signal(syscall.SIGKILL)
			_ = cmd.Wait()
		}
	}
	if err := l.Update(func(*Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range total {
		if _, ok := find(t, l, "number", strconv.Itoa(i)); !ok {
			t.Fatalf("number %d of %d is missing", i, total)
		}
	}
}

// countUp appends the next number, over and over, until it is killed.
func countUp(t *testing.T, path string) {
	next := 0
	l := open(t, path, func(Record) error { next++; return nil })
	for range 1_000_000 {
		err := l.Update(func(tx *Tx) error {
			return tx.Append("number", strconv.Itoa(next), strings.Repeat("x", next%9000))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	whole, _ := Record{Kind: "mail", Key: "a\tb", Value: []byte(`{"x":1}`), slot: 7}.appendTo(nil)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte("mail\t0000000000000000\t0\t\"\"\tnull"))
	f.Add([]byte("\t\t\t\t"))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parse(line)
		if err != nil {
			return
		}
		again, err := r.appendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parse(again[:len(again)-1])
		if err != nil {
			t.Fatalf("%q is read, and %q is not: %v", line, again, err)
		}
		if diff := cmp.Diff(r, back, cmp.AllowUnexported(Record{})); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	path := filepath.Join(b.TempDir(), "l")
	l, other := open(b, path, nil), open(b, path, nil)
	value := map[string]any{"items": []map[string]any{{"sku": "A-100", "quantity": 1}}}
	for i := 0; b.Loop(); i++ {
		to := l
		if i%2 == 1 {
			to = other
		}
		if err := add(to, "order", fmt.Sprint("order-", i), value); err != nil {
			b.Fatal(err)
		}
	}
}
