package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weftmesh/weft/internal/adminapi"
)

// MaxLine is the longest log line that is kept, in bytes; longer ones are cut
// and say so.
const MaxLine = 64 << 10

// Line is one line that a function or the engine wrote.
type Line struct {
	Time time.Time
	// Function is empty for the engine; PID 0 if there is no process.
	Function string
	PID      int
	// Text without the line break. The store keeps no reference to it.
	Text []byte
}

// parse makes an entry of a line: of slog's JSON it takes time, level, message
// and ids, and all else is the message. Parsing happens when someone asks for
// logs, not when they are written.
func parse(l Line) adminapi.LogEntry {
	e := adminapi.LogEntry{Time: l.Time, Level: "info", Function: l.Function, PID: l.PID}
	if len(l.Text) == 0 || l.Text[0] != '{' {
		e.Message = string(l.Text)
		return e
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(l.Text, &fields) != nil {
		e.Message = string(l.Text)
		return e
	}
	take := func(names ...string) string {
		for _, name := range names {
			var s string
			if raw, ok := fields[name]; ok && json.Unmarshal(raw, &s) == nil {
				delete(fields, name)
				return s
			}
		}
		return ""
	}
	if t, err := time.Parse(time.RFC3339Nano, take("time", "ts", "timestamp")); err == nil {
		e.Time = t
	}
	if level := take("level", "severity", "lvl"); level != "" {
		e.Level = normalLevel(level)
	}
	e.Message = take("msg", "message")
	e.TraceID = take("trace_id", "traceId")
	e.EventID = take("event_id", "eventId")
	if name := take("function"); name != l.Function && name != "" {
		fields["function"], _ = json.Marshal(name)
	}
	if len(fields) > 0 {
		e.Fields, _ = json.Marshal(fields)
	}
	return e
}

// normalLevel gives slog's and others' levels the four names of LogEntry.
// slog writes levels in between as INFO+2.
func normalLevel(s string) string {
	s = strings.ToLower(s)
	if i := strings.IndexAny(s, "+-"); i > 0 {
		s = s[:i]
	}
	switch s {
	case "debug", "trace":
		return "debug"
	case "warn", "warning":
		return "warn"
	case "error", "err", "fatal", "panic", "critical":
		return "error"
	default:
		return "info"
	}
}

func levelRank(s string) int {
	switch s {
	case "debug":
		return 0
	case "warn":
		return 2
	case "error":
		return 3
	default:
		return 1
	}
}

// printable returns the line with what a terminal or a JSON file would not
// take replaced, and cut to MaxLine. It copies only where it must.
func printable(text []byte) []byte {
	if len(text) > MaxLine {
		cut := append([]byte(nil), text[:MaxLine]...)
		text = append(bytes.ToValidUTF8(cut, nil), "… (cut: the line is over 64 KiB)"...)
	}
	if isPrintable(text) {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1, r != '\t' && unicode.IsControl(r):
			const hex = "0123456789abcdef"
			for _, b := range text[:n] {
				out = append(out, '\\', 'x', hex[b>>4], hex[b&15])
			}
		default:
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}

func isPrintable(text []byte) bool {
	ascii := true
	for _, c := range text {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
		ascii = ascii && c < 0x80
	}
	if ascii {
		return true
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) && r != '\t' {
			return false
		}
		text = text[n:]
	}
	return true
}
