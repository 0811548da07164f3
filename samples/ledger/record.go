package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
)

// Record is one line of a ledger:
//
//	kind TAB slot TAB time TAB key TAB value LF
//
// slot is 16 hex digits, time is Unix nanoseconds, key is a JSON string and
// value is JSON on one line. JSON escapes tabs and line feeds, so a line that
// ends is a whole record.
type Record struct {
	// Kind groups records, such as "mail"; letters only.
	Kind string
	// Key identifies the record within its kind.
	Key string
	// Time at which it was appended.
	Time time.Time
	// Value as JSON.
	Value json.RawMessage

	slot uint64
}

// Decode reads the record's value into v.
func (r Record) Decode(v any) error {
	if err := json.Unmarshal(r.Value, v); err != nil {
		return fmt.Errorf("ledger: value of %s %q: %w", r.Kind, r.Key, err)
	}
	return nil
}

var errLine = errors.New("is not kind, slot, time, key and value, separated by tabs")

// parse reads a line without its line feed.
func parse(line []byte) (Record, error) {
	var part [5][]byte
	for i := range part[:4] {
		var ok bool
		if part[i], line, ok = bytes.Cut(line, []byte{'\t'}); !ok {
			return Record{}, errLine
		}
	}
	part[4] = line
	r := Record{Kind: string(part[0])}
	var err error
	if r.slot, err = strconv.ParseUint(string(part[1]), 16, 64); err != nil || len(part[1]) != 16 {
		return Record{}, errLine
	}
	nanos, err := strconv.ParseInt(string(part[2]), 10, 64)
	if err != nil || !isKind(r.Kind) {
		return Record{}, errLine
	}
	r.Time = time.Unix(0, nanos)
	if err := json.Unmarshal(part[3], &r.Key); err != nil {
		return Record{}, errLine
	}
	if !json.Valid(part[4]) {
		return Record{}, errLine
	}
	r.Value = bytes.Clone(part[4])
	return r, nil
}

// appendTo appends the record's line, with its line feed, to buf.
func (r Record) appendTo(buf []byte) ([]byte, error) {
	key, err := json.Marshal(r.Key)
	if err != nil {
		return nil, err
	}
	buf = append(buf, r.Kind...)
	buf = fmt.Appendf(buf, "\t%016x\t%d\t%s\t", r.slot, r.Time.UnixNano(), key)
	buf = append(buf, r.Value...)
	return append(buf, '\n'), nil
}

func isKind(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

// home is the first slot to look for a record in. Another record may hold it,
// by a collision; then the next slot is tried, and so on.
func home(kind, key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(kind)) // a hash never fails
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(key))
	return h.Sum64()
}
