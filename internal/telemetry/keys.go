package telemetry

import (
	"bytes"
	"strings"
)

const (
	maxKeysPerEvent = 3
	maxKeyLength    = 64
	// maxKeyScan bounds how far into the data keys are looked for, in bytes.
	maxKeyScan = 2048
)

// businessKeys finds the string values of top-level fields named id or ending
// in Id, ID or _id in JSON data, and returns how many there are. It reads the
// first two KiB, decodes nothing, and leaves out values with escapes: it runs
// for every event that is routed.
func businessKeys(data []byte, found *[maxKeysPerEvent]string) int {
	if len(data) > maxKeyScan {
		data = data[:maxKeyScan]
	}
	n, depth := 0, 0
	var name []byte // the last string at depth 1, should a colon follow
	value := false  // whether a colon went before
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth == 0 && data[i] == '[' {
				return 0
			}
			depth++
			value = false
		case '}', ']':
			depth--
			if depth <= 0 {
				return n
			}
		case ':':
			value = depth == 1
		case ',':
			value, name = false, nil
		case '"':
			end, escaped := stringEnd(data, i+1)
			if end < 0 {
				return n
			}
			text := data[i+1 : end]
			i = end
			if depth != 1 {
				continue
			}
			if !value {
				name = text
				continue
			}
			if !escaped && isKeyName(name) && len(text) > 0 && len(text) <= maxKeyLength {
				found[n] = strings.ToValidUTF8(string(text), "")
				if n++; n == maxKeysPerEvent {
					return n
				}
			}
		}
	}
	return n
}

// stringEnd returns where the JSON string that begins at i has its closing
// quote, or -1, and whether there are escapes in it.
func stringEnd(data []byte, i int) (end int, escaped bool) {
	for {
		j := bytes.IndexByte(data[i:], '"')
		if j < 0 {
			return -1, escaped
		}
		slashes := 0
		for k := i + j - 1; k >= i && data[k] == '\\'; k-- {
			slashes++
		}
		escaped = escaped || bytes.IndexByte(data[i:i+j], '\\') >= 0
		if slashes%2 == 0 {
			return i + j, escaped
		}
		i += j + 1
	}
}

func isKeyName(name []byte) bool {
	if len(name) == 2 {
		return (name[0] == 'i' || name[0] == 'I') && (name[1] == 'd' || name[1] == 'D')
	}
	return bytes.HasSuffix(name, []byte("Id")) || bytes.HasSuffix(name, []byte("ID")) || bytes.HasSuffix(name, []byte("_id"))
}
