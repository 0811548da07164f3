package replica

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	cases := map[string]struct {
		reason string
		in     string
		want   []string
	}{
		"Lines":    {"line feeds are left out", "a\nb\n", []string{"a", "b"}},
		"Windows":  {"and carriage returns before them", "a\r\nb\r\n", []string{"a", "b"}},
		"NoEnd":    {"a last line without an end counts", "a\nb", []string{"a", "b"}},
		"Empty":    {"empty lines are lines", "\n\n", []string{"", ""}},
		"Nothing":  {"nothing is no line", "", nil},
		"Longest":  {"a line as long as allowed", long + "\n", []string{long, ""}},
		"TooLong":  {"a longer one comes in parts", long + "tail\nnext\n", []string{long, "tail", "next"}},
		"Multiple": {"the buffer grows by need", strings.Repeat("y", 5000) + "\nz\n", []string{strings.Repeat("y", 5000), "z"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			readLines(strings.NewReader(tc.in), func(l []byte) { got = append(got, string(l)) })
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzReadLines has the same bytes come whole and one at a time: the lines are
// the same, and together they are what came.
func TestLastLines(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		lines  []string
		want   string
	}{
		"None":  {"a silent process", nil, ""},
		"Plain": {"the last of them", []string{"a", "", "b", "c"}, "b | c"},
		"Panic": {"not the logs before it", []string{`{"msg":"fine"}`, "panic: oops", `{"msg":"more"}`}, "panic: oops"},
		"Logs":  {"the last log, as it may say why", []string{`{"msg":"fine"}`, `{"msg":"no database"}`}, `{"msg":"no database"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var kept tail
			for _, l := range tc.lines {
				kept.add([]byte(l))
			}
			if got := kept.last(2); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"))
	f.Add(bytes.Repeat([]byte("long "), maxLine/4))
	f.Fuzz(func(t *testing.T, in []byte) {
		var whole, bytewise []string
		readLines(bytes.NewReader(in), func(l []byte) { whole = append(whole, string(l)) })
		readLines(iotest.OneByteReader(bytes.NewReader(in)), func(l []byte) { bytewise = append(bytewise, string(l)) })
		if diff := cmp.Diff(whole, bytewise); diff != "" {
			t.Errorf("whole and bytewise differ:\n%s", diff)
		}
		plain := strings.NewReplacer("\r", "", "\n", "")
		if got, want := plain.Replace(strings.Join(whole, "")), plain.Replace(string(in)); got != want {
			t.Errorf("lines hold %q, came %q", got, want)
		}
	})
}

// FuzzLedger has a torn or foreign ledger harm nobody.
func FuzzLedger(f *testing.F) {
	f.Add("1 2 x\n")
	f.Add("-5 ? test-f\n99999999 1 test-f\nx")
	f.Fuzz(func(t *testing.T, content string) {
		for line := range strings.Lines(content) {
			pid, start, service, ok := parseLedgerLine(line)
			if ok && (pid <= 1 || start == "" || service == "") {
				t.Errorf("%q is taken for process %d", line, pid)
			}
		}
	})
}
