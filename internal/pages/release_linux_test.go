package pages

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const program = "/home/a b/bin/weft"

func TestClean(t *testing.T) {
	mapping := func(line, anonymous string) string {
		return line + "\nSize:  2752 kB\nRss:  1708 kB\nAnonymous:  " + anonymous + " kB\nVmFlags: rd ex mr mw me\n"
	}
	cases := map[string]struct {
		reason string
		smaps  string
		want   []span
	}{
		"Code":      {"code is as in the file", mapping("00400000-006b0000 r-xp 00000000 103:02 4718613  "+program, "0"), []span{{0x400000, 0x6b0000}}},
		"Constants": {"so are constants", mapping("006b0000-00a00000 r--p 002b0000 103:02 4718613  "+program, "0"), []span{{0x6b0000, 0xa00000}}},
		"Relocated": {"what the loader has changed is nowhere else", mapping("006b0000-00a00000 r--p 002b0000 103:02 4718613  "+program, "12"), nil},
		"Variables": {"variables are not in the file", mapping("00a00000-00a50000 rw-p 00600000 103:02 4718613  "+program, "0"), nil},
		"Library":   {"a library is shared with others", mapping("7f0000000000-7f0000010000 r-xp 00000000 103:02 99  /lib/libc.so.6", "0"), nil},
		"Heap":      {"what has no file is no program", mapping("c000000000-c000400000 rw-p 00000000 00:00 0  [anon: Go: heap]", "0"), nil},
		"Several": {
			"each for itself",
			mapping("00400000-006b0000 r-xp 00000000 103:02 4718613  "+program, "0") +
				mapping("7f0000000000-7f0000010000 r--p 00000000 103:02 99  /lib/libc.so.6", "0") +
				mapping("006b0000-00a00000 r--p 002b0000 103:02 4718613  "+program, "0"),
			[]span{{0x400000, 0x6b0000}, {0x6b0000, 0xa00000}},
		},
		"Empty": {"nothing is nothing", "", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := clean(strings.NewReader(tc.smaps), program)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(span{})); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRelease: the program goes on, and has mappings that can be given back.
func TestRelease(t *testing.T) {
	if err := Release(); err != nil {
		t.Fatal(err)
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = smaps.Close() }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spans, err := clean(smaps, self)
	if err != nil || len(spans) == 0 {
		t.Errorf("%d mappings (%v), want the program's code and constants", len(spans), err)
	}
}
