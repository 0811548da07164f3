package doctor

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	cases := map[string]struct {
		reason, addr, own string
		want              Verdict
	}{
		"Free":    {"a port that can be listened at", "127.0.0.1:0", "", OK},
		"Taken":   {"a port that another program has", taken, "", Fail},
		"Own":     {"the running engine of this mesh has it: nothing is wrong", taken, "http://" + taken, OK},
		"NoSense": {"what is no address", "8080", "", Fail},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := address("gateway", "http", tc.addr, tc.own)
			if got.Verdict != tc.want || got.Verdict == Fail && got.Hint == "" {
				t.Errorf("%s: got %+v, want %s", tc.reason, got, tc.want)
			}
		})
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, dir string
		ok          bool
	}{
		"There":    {"a directory that is there", dir, true},
		"NotYet":   {"one that can be made", filepath.Join(dir, "a", "b"), true},
		"File":     {"a file is no directory", file, false},
		"BelowOne": {"nor has it anything below", filepath.Join(file, "a"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := writable(tc.dir); (err == nil) != tc.ok {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("trying leaves nothing behind: %v, %v", entries, err)
	}
}

func TestFailed(t *testing.T) {
	if Failed([]Finding{ok("a", "fine"), warn("b", "less so", "")}) {
		t.Error("a warning is no failure")
	}
	if !Failed([]Finding{ok("a", "fine"), fail("b", "bad", "")}) {
		t.Error("one failure is enough")
	}
}
