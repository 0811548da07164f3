//go:build unix

package main

import (
	"strings"
	"testing"
)

// TestBalance proves that the proof can fail.
func TestBalance(t *testing.T) {
	tests := map[string]struct {
		reason           string
		reserved, mailed map[string]int
		taken            int
		want             string // part of the error, "" for none
	}{
		"even":         {"one of each", map[string]int{"a": 1, "b": 1}, map[string]int{"a": 1, "b": 1}, 2, ""},
		"on its way":   {"decided, and the mail comes later", map[string]int{"a": 1}, nil, 1, ""},
		"twice":        {"a second reservation", map[string]int{"a": 2}, nil, 2, "reserved 2 times for order a"},
		"two mails":    {"a second mail", map[string]int{"a": 1}, map[string]int{"a": 2}, 1, "2 mails about order a"},
		"from nowhere": {"a mail without a decision", nil, map[string]int{"a": 1}, 0, "no decision"},
		"too much":     {"more taken than ordered", map[string]int{"a": 1}, nil, 2, "2 pieces are taken for 1 orders"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := &proof{reserved: tc.reserved, mailed: tc.mailed, taken: tc.taken}
			err := p.books()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: err = %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}
