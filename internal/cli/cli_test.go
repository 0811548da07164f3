package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/adminapi"
)

func TestDisplayName(t *testing.T) {
	cases := map[string]struct{ reason, arg0, want string }{
		"Weft":    {"by itself", "/usr/local/bin/weft", "weft"},
		"Kn":      {"kn finds plugins by kn-", "/usr/local/bin/kn-weft", "kn weft"},
		"Kubectl": {"kubectl finds plugins by kubectl-", "kubectl-weft", "kubectl weft"},
		"Renamed": {"any other name changes nothing", "./weft-dev", "weft"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := displayName(tc.arg0); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := map[string]struct {
		reason, in string
		want       time.Time
		fail       bool
	}{
		"None":     {"no bound", "", time.Time{}, false},
		"Duration": {"back from now", "10m", now.Add(-10 * time.Minute), false},
		"Time":     {"a point in time", "2026-01-01T00:00:00Z", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"Ahead":    {"a time to come has no logs", "-10m", time.Time{}, true},
		"Word":     {"anything else", "yesterday", time.Time{}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseSince(tc.in, now)
			if !got.Equal(tc.want) || (err != nil) != tc.fail {
				t.Errorf("%s: got %s, %v", tc.reason, got, err)
			}
		})
	}
}

func TestProjectName(t *testing.T) {
	cases := map[string]struct {
		reason, dir, want string
	}{
		"Plain":    {"a name is kept", "shop", "shop"},
		"Path":     {"the last part of a path counts", "/tmp/x/shop", "shop"},
		"Camel":    {"as functions are", "MyShop", "my-shop"},
		"Spaces":   {"and dots become dashes", "My Shop v1.2", "my-shop-v1-2"},
		"Digit":    {"a DNS label of a Service begins with a letter", "1st", ""},
		"Umlaut":   {"ASCII only", "bücher", ""},
		"Long":     {"services need room for the functions' names", strings.Repeat("a", 41), ""},
		"Trailing": {"a trailing slash changes nothing", "shop/", "shop"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := projectName(tc.dir)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("%s: got %q, %v, want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestMillis(t *testing.T) {
	got := []string{millis(0), millis(0.44), millis(9.94), millis(9.96), millis(45.4), millis(999.4), millis(999.6), millis(61234)}
	want := []string{"0.0ms", "0.4ms", "9.9ms", "10ms", "45ms", "999ms", "1.0s", "61.2s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a time keeps two or three digits: -want +got\n%s", diff)
	}
}

func TestNoControlCharacters(t *testing.T) {
	if got := multiLine("a\x1b[31m\tb\nc\x00"); got != "a [31m    b\n    c " {
		t.Errorf("what functions write must not steer the terminal: %q", got)
	}
}

func TestValidJSON(t *testing.T) {
	cases := map[string]struct{ reason, in, at string }{
		"Valid":  {"no error", `{"a":[1,2]}`, ""},
		"First":  {"lines and columns count from 1", `x`, "1:1: "},
		"Second": {"the column is within its line", "{\n  \"a\": b\n}", "2:8: "},
		"End":    {"an end that comes too soon", `{"a":`, "1:5: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := validJSON([]byte(tc.in))
			if (err == nil) != (tc.at == "") || err != nil && !strings.HasPrefix(err.Error(), tc.at) {
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.at)
			}
		})
	}
}

// TestTraceFansOut draws what the scripts' trace does not have: one event that
// goes to two functions, and one that takes no link.
func TestTraceFansOut(t *testing.T) {
	trace := adminapi.Trace{TraceID: "t", Duration: 10, Calls: []adminapi.Call{
		{Function: "a", SpanID: "1", Trigger: "cron", EventID: "e0", Attempt: 1, Milliseconds: 1, Outputs: 1},
		{Function: "b", SpanID: "2", ParentID: "1", Link: "a->b", EventID: "e1", Attempt: 1, Milliseconds: 2, Outputs: 2},
		{Function: "c", SpanID: "3", ParentID: "1", Link: "a->c", EventID: "e2", Attempt: 1, Milliseconds: 3},
	}}
	var got bytes.Buffer
	if err := printTrace(&got, trace); err != nil {
		t.Fatal(err)
	}
	want := `Trace: t
├── a (1.0ms)
│   ├── Trigger cron (queued 0.0ms)
│   ├── Published to b
│   └── Published to c
├── b (2.0ms)
│   ├── From a (queued 0.0ms)
│   └── 2 outputs, not called yet or taken by no link
└── c (3.0ms)
    └── From a (queued 0.0ms)
10ms in all
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestInterrupted(t *testing.T) {
	var errs bytes.Buffer
	a := &app{Stdio: Stdio{Err: &errs}}
	if code := a.report(context.Canceled); code != exitFailed || errs.String() != "weft: interrupted\n" {
		t.Errorf("an interrupted command has not done its work: code %d, %q", code, errs.String())
	}
}

func TestTopFits(t *testing.T) {
	s := adminapi.Status{Mesh: "m", Functions: []adminapi.Function{
		{Name: "validateInventory", State: "debugging", Max: 10, PerSecond: 1234.5, P50ms: 12, P95ms: 1200, Errors: 10},
		{Name: strings.Repeat("long", 15), State: "zero", Max: 2, Queued: 1 << 20},
	}}
	for name, tc := range map[string]struct {
		reason        string
		width         int
		has, hasNot   []string
		wholeLongName bool
	}{
		"Wide":   {"all is shown where there is room", 200, []string{"P50", "RETRY", "BUSY", "MB"}, nil, true},
		"Usual":  {"eighty columns hold what matters", 80, []string{"STATE", "QUEUED", "DEAD", "P95", "ERRORS", "validateInventory"}, []string{"P50"}, false},
		"Narrow": {"names are shortened last", 50, []string{"STATE", "QUEUED", "DEAD"}, []string{"P50", "RETRY", "BUSY", "MB", "REPLICAS"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := printTop(&b, s, tc.width); err != nil {
				t.Fatal(err)
			}
			_, table, _ := strings.Cut(b.String(), "\n\n")
			for line := range strings.Lines(table) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > tc.width {
					t.Errorf("%s: a line of %d in %d columns: %q", tc.reason, n, tc.width, line)
				}
			}
			for _, want := range tc.has {
				if !strings.Contains(table, want) {
					t.Errorf("%s: %s is missing in\n%s", tc.reason, want, table)
				}
			}
			header, _, _ := strings.Cut(table, "\n")
			for _, column := range tc.hasNot {
				if strings.Contains(header, column) {
					t.Errorf("%s: %s is in\n%s", tc.reason, column, table)
				}
			}
			if whole := strings.Contains(table, strings.Repeat("long", 15)); whole != tc.wholeLongName {
				t.Errorf("%s: the long name whole is %t in\n%s", tc.reason, whole, table)
			}
		})
	}
}
