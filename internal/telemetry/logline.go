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
// and ids, and all else is the message. Lines are kept as they are and parsed
// when they are shown.
func parse(l Line) adminapi.LogEntry {
	e := adminapi.LogEntry{Time: l.Time, Level: "info", Function: l.Function, PID: l.PID}
	if len(l.Text) == 0 || l.Text[0] != '{' || !json.Valid(l.Text) {
		e.Message = string(l.Text)
		return e
	}
	var rest []byte
	members(l.Text, func(name, value []byte) {
		text, isText := jsonText(value)
		if isText {
			switch string(name) {
			case "time", "ts", "timestamp":
				if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
					e.Time = t
					return
				}
			case "level", "severity", "lvl":
				e.Level = normalLevel(text)
				return
			case "msg", "message":
				e.Message = text
				return
			case "trace_id", "traceId":
				e.TraceID = text
				return
			case "event_id", "eventId":
				e.EventID = text
				return
			case "function":
				if text == l.Function {
					return
				}
			}
		}
		if rest == nil {
			rest = make([]byte, 0, len(l.Text))
			rest = append(rest, '{', '"')
		} else {
			rest = append(rest, ',', '"')
		}
		rest = append(rest, name...)
		rest = append(rest, '"', ':')
		rest = append(rest, value...)
	})
	if rest != nil {
		e.Fields = append(rest, '}')
	}
	return e
}

// members calls fn with each member of a valid JSON object, in its order: the
// name between its quotes, and the value, both as they stand.
func members(object []byte, fn func(name, value []byte)) {
	i := 1
	for {
		open := bytes.IndexByte(object[i:], '"')
		if open < 0 {
			return
		}
		start := i + open + 1
		end, _ := stringEnd(object, start)
		if end < 0 {
			return
		}
		name := object[start:end]
		i = end + 1 + bytes.IndexByte(object[end+1:], ':') + 1
		stop := valueEnd(object, i)
		fn(name, bytes.TrimSpace(object[i:stop]))
		if i = stop + 1; i >= len(object) {
			return
		}
	}
}

// valueEnd returns where the value that begins at i ends: at the comma or
// brace that follows it.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, _ := stringEnd(b, i+1)
			if end < 0 {
				return len(b)
			}
			i = end
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// jsonText decodes a JSON string.
func jsonText(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	return text, json.Unmarshal(value, &text) == nil
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
