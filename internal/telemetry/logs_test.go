package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/adminapi"
)

func openStore(t *testing.T, dir string) *LogStore {
	t.Helper()
	s, err := OpenLogStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func query(t *testing.T, s *LogStore, q LogQuery) []string {
	t.Helper()
	var got []string
	err := s.Query(t.Context(), q, func(e adminapi.LogEntry) bool {
		got = append(got, e.Message)
		return true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestQuery(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	at := time.Unix(1_700_000_000, 0)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	for i, l := range []Line{
		{Function: "a", Text: []byte("plain")},
		{Function: "a", PID: 7, Text: []byte(`{"time":"2023-11-14T22:13:21Z","level":"WARN","msg":"slog","trace_id":"` + trace + `","event_id":"e","n":1}`)},
		{Function: "b", Text: []byte(`{"level":"ERROR+2","msg":"bad"}`)},
		{Text: []byte("engine mentions " + trace)},
		{Function: "b", Text: []byte(`{"level":"DEBUG","msg":"detail"}`)},
	} {
		l.Time = at.Add(time.Duration(i) * time.Second)
		s.Put(l)
	}
	cases := map[string]struct {
		reason string
		q      LogQuery
		want   []string
	}{
		"all":      {"without a choice all come, oldest first", LogQuery{}, []string{"plain", "slog", "bad", "engine mentions " + trace, "detail"}},
		"function": {"of one function", LogQuery{Function: "a"}, []string{"plain", "slog"}},
		"engine":   {"of the engine", LogQuery{Function: EngineLines}, []string{"engine mentions " + trace}},
		"level":    {"from a level up; plain lines are info", LogQuery{Level: "warn"}, []string{"slog", "bad"}},
		"trace":    {"of a trace, not all that mention it", LogQuery{Trace: trace}, []string{"slog"}},
		"since":    {"from a time on", LogQuery{Since: at.Add(3 * time.Second)}, []string{"engine mentions " + trace, "detail"}},
		"most":     {"the last few", LogQuery{Most: 2}, []string{"engine mentions " + trace, "detail"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, query(t, s, c.q)); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
	var entry adminapi.LogEntry
	_ = s.Query(t.Context(), LogQuery{Trace: trace}, func(e adminapi.LogEntry) bool { entry = e; return true }, nil)
	want := adminapi.LogEntry{Time: time.Date(2023, 11, 14, 22, 13, 21, 0, time.UTC), Level: "warn", Function: "a", PID: 7,
		Message: "slog", TraceID: trace, EventID: "e", Fields: json.RawMessage(`{"n":1}`)}
	if diff := cmp.Diff(want, entry); diff != "" {
		t.Errorf("entry: %s", diff)
	}
}

func TestFollowAcrossRotation(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.fileSize, s.files = 400, 3
	s.Put(Line{Text: []byte("before")})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, done := make(chan string, 100), make(chan error)
	go func() {
		done <- s.Query(ctx, LogQuery{Follow: true}, func(e adminapi.LogEntry) bool { got <- e.Message; return true }, nil)
	}()
	if m := <-got; m != "before" {
		t.Fatalf("first line: %q", m)
	}
	for i := range 50 {
		want := fmt.Sprint("line ", i)
		s.Put(Line{Text: []byte(want)})
		if m := <-got; m != want {
			t.Fatalf("got %q, want %q", m, want)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.jsonl"))
	if err != nil || len(files) != 3 {
		t.Errorf("files: %v, %v", files, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLinesOfEarlierRuns(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	s.Put(Line{Text: []byte("first run")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The next engine was killed amid a line.
	path := filepath.Join(dir, "00000000.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"t":1,"l":"half`)
	_ = f.Close()
	s = openStore(t, dir)
	defer s.Close()
	s.Put(Line{Text: []byte("third run")})
	if diff := cmp.Diff([]string{"first run", "third run"}, query(t, s, LogQuery{})); diff != "" {
		t.Error(diff)
	}
}

func TestQueueNeverBlocks(t *testing.T) {
	q := newLineQueue()
	for i := range queueLines + 10 {
		q.put(Line{Text: fmt.Append(nil, i)})
	}
	lines, lost, ok := q.take(nil)
	if !ok || lost == 0 || len(lines)+int(lost) != queueLines+10 || string(lines[len(lines)-1].Text) != fmt.Sprint(queueLines+9) {
		t.Errorf("%d lines, %d lost", len(lines), lost)
	}
	q.put(Line{Text: make([]byte, queueBytes+1)})
	q.put(Line{Text: []byte("x")})
	if lines, lost, _ := q.take(nil); lost != 1 || len(lines) != 1 {
		t.Errorf("bytes are bounded too: %d lines, %d lost", len(lines), lost)
	}
	q.close()
	if _, _, ok := q.take(nil); ok {
		t.Error("a closed queue gives nothing")
	}
}

func TestConsole(t *testing.T) {
	cases := map[string]struct {
		reason string
		color  bool
		line   Line
		want   string
	}{
		"plain":  {"the function's name stands in front", false, Line{Function: "check", Text: []byte("hello")}, "check     hello\n"},
		"engine": {"the engine's lines as well", false, Line{Text: []byte("ready")}, "weft      ready\n"},
		"slog": {"JSON becomes readable, its fields in their order", false,
			Line{Function: "check", Text: []byte(`{"time":"2023-11-14T22:13:21Z","level":"WARN","msg":"low stock","sku":"tea","left":2,"why":"too many","function":"check","trace_id":"t"}`)},
			"check     WARN low stock sku=tea left=2 why=\"too many\" trace=t\n"},
		"not an object": {"other JSON stays", false, Line{Function: "check", Text: []byte(`{"a":`)}, "check     {\"a\":\n"},
		"colour":        {"colours are the function's own", true, Line{Function: "check", Text: []byte("x")}, "\x1b[" + functionColour("check") + "mcheck   \x1b[0m  x\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			console := NewConsole(&b, c.color)
			console.Names([]string{"check", "takeMore"})
			console.Put(c.line)
			console.Close()
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
}

func TestClean(t *testing.T) {
	var m Mask
	m.Set([]string{"hunter2", "abc", "line one of it\nline two of it\nx", `quo"ted`, "hunter22"})
	cases := map[string]struct{ reason, line, want string }{
		"secret":   {"a secret is masked", "password hunter2!", "password ***!"},
		"longer":   {"one that holds another is masked whole", "hunter22", "***"},
		"short":    {"short ones are not", "abc", "abc"},
		"lines":    {"each line of a long one is", "line two of it", "***"},
		"escaped":  {"also as JSON writes it", `{"p":"quo\"ted"}`, `{"p":"***"}`},
		"binary":   {"binary is made printable", "a\x00\xff\x1b[31mb\tc", `a\x00\xff\x1b[31mb` + "\tc"},
		"text":     {"other alphabets are text", "ünï 🎉", "ünï 🎉"},
		"too long": {"long lines are cut and say so", strings.Repeat("x", MaxLine+1), strings.Repeat("x", MaxLine) + "… (cut: the line is over 64 KiB)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := []byte(c.line)
			got := m.Clean(in)
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			clear(in)
			if string(got) != c.want {
				t.Error("the result must not share memory with the line")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"time":"x","level":"INFO","msg":"m\n","a":{"b":[1,"}"]}, "c" : null}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e := parse(Line{Text: line})
		if len(e.Fields) > 0 && !json.Valid(e.Fields) {
			t.Errorf("fields of %q: %q", line, e.Fields)
		}
		if clean := printable(line); !isPrintable(clean) {
			t.Errorf("%q is not printable", clean)
		}
		var b bytes.Buffer
		(&Console{}).format(&b, Line{Text: line})
	})
}

func BenchmarkConsole(b *testing.B) {
	c := &Console{}
	c.width.Store(10)
	line := Line{Function: "check", Text: []byte(`{"time":"2026-11-14T22:13:21.123456789Z","level":"INFO","msg":"low stock","sku":"tea","left":2,"trace_id":"0af7651916cd43dd8448eb211c80319c","event_id":"e"}`)}
	var buf bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		c.format(&buf, line)
	}
}
