package telemetry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
)

// minSecret is the shortest value that is masked: shorter ones occur by chance
// in every other line.
const minSecret = 4

// Mask replaces secret values in lines by ***. The zero Mask replaces none. It
// is safe for concurrent use.
type Mask struct {
	values atomic.Pointer[[][]byte]
}

// Set makes the values secret, as they are and as JSON writes them; each line
// of a value of several lines, such as a key in PEM, by itself as well. Values
// under four characters are left alone.
func (m *Mask) Set(values []string) {
	seen := make(map[string]bool)
	var all [][]byte
	add := func(v string) {
		if v = strings.TrimSpace(v); len(v) >= minSecret && !seen[v] {
			seen[v] = true
			all = append(all, []byte(v))
		}
	}
	for _, v := range values {
		lines := strings.Split(v, "\n")
		for _, part := range append([]string{v}, lines...) {
			if len(lines) > 1 && part != v && len(strings.TrimSpace(part)) < 2*minSecret {
				continue
			}
			add(part)
			if quoted, err := json.Marshal(part); err == nil {
				add(string(quoted[1 : len(quoted)-1]))
			}
		}
	}
	// The longest first, so that a value which holds another is masked whole.
	slices.SortFunc(all, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	m.values.Store(&all)
}

// Apply returns the line with secrets masked; it copies only if there are any.
func (m *Mask) Apply(line []byte) []byte {
	values := m.values.Load()
	if values == nil {
		return line
	}
	for _, v := range *values {
		if bytes.Contains(line, v) {
			line = bytes.ReplaceAll(line, v, []byte("***"))
		}
	}
	return line
}

// Clean returns a copy of a line from a process that can be kept and shown:
// secrets masked, binary made printable, cut to MaxLine.
func (m *Mask) Clean(line []byte) []byte {
	clean := printable(m.Apply(line))
	if len(clean) > 0 && len(line) > 0 && &clean[0] == &line[0] {
		return append(make([]byte, 0, len(clean)), clean...)
	}
	return clean
}
