//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replaced is text whose background is stopped for another.
const replaced = "<!-- docs-test: background until \"ready\" -->\n```sh\ntouch one; trap 'rm one; exit' INT; echo ready; while :; do sleep 0.1; done\n```\n" +
	"<!-- docs-test: stop, then background until \"ready\" -->\n```sh\ntest ! -e one; echo ready; sleep 60\n```\n```sh\ntest ! -e one\n```\n"

const text = "# Title\n\n```sh\necho one\n```\n\n```go\nfunc no() {}\n```\n\n" +
	"<!-- docs-test: background until \"ready\" -->\n```sh\necho ready; sleep 60\n```\n\n```sh\necho 'it''s' two\n```\n"

func TestParse(t *testing.T) {
	blocks, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{{4, "echo one\n", "", false}, {13, "echo ready; sleep 60\n", "ready", false}, {17, "echo 'it''s' two\n", "", false}}
	if diff := cmp.Diff(want, blocks, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ reason, text string }{
		"open":         {"a block without an end", "```sh\necho\n"},
		"unknown mark": {"a mark that nobody knows would run nothing in silence", "<!-- docs-test: skip -->\n```sh\necho\n```\n"},
		"lonely mark":  {"a mark for no block", "<!-- docs-test: background until \"x\" -->\n"},
		"wrong block":  {"a mark for another language", "<!-- docs-test: background until \"x\" -->\n```go\n```\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(tc.text); err == nil {
				t.Errorf("%s: no error", tc.reason)
			}
		})
	}
}

func TestRunFile(t *testing.T) {
	blocks, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := runFile(t.Context(), t.TempDir(), "x.md", blocks)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "--- x.md:4\none\n--- x.md:13\n--- x.md:17\nits two\n"; out != want {
		t.Errorf("output:\n%s\nwant:\n%s", out, want)
	}
}

func TestRunFileStopsWhatIsReplaced(t *testing.T) {
	blocks, err := parse(replaced)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := runFile(t.Context(), t.TempDir(), "x.md", blocks); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestRunFileFails(t *testing.T) {
	tests := map[string]struct {
		reason string
		blocks []block
		says   string
	}{
		"command": {"a command that fails ends the file", []block{{1, "false\n", "", false}, {2, "echo later\n", "", false}}, "x.md:1"},
		"never":   {"a block that ends before it is ready", []block{{1, "echo no\n", "ready", false}}, "ended before it printed: ready"},
		"unset":   {"an unset variable is a mistake", []block{{1, "echo $nobody_has_set_this\n", "", false}}, "unbound"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := runFile(t.Context(), t.TempDir(), "x.md", tc.blocks)
			if err == nil || !strings.Contains(out, tc.says) || strings.Contains(out, "later") {
				t.Errorf("%s: %v\n%s", tc.reason, err, out)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add(replaced)
	f.Add("```sh")
	f.Fuzz(func(t *testing.T, text string) {
		blocks, err := parse(text)
		for _, b := range blocks {
			if err == nil && b.line < 2 {
				t.Errorf("a block before its fence: %+v", b)
			}
		}
	})
}
