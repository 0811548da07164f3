package local

import "testing"

func TestPercentFor(t *testing.T) {
	tests := map[string]struct {
		reason string
		live   uint64
		want   int
	}{
		"nothing": {"the most there may be", 0, gcMost},
		"little":  {"bounded", 1 << 20, gcMost},
		"idle":    {"as much again", 10 << 20, 100},
		"load":    {"a quarter", 50 << 20, gcPercent},
		"much":    {"never less than a quarter", 1 << 40, gcPercent},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if got := percentFor(c.live); got != c.want {
				t.Errorf("%s: %d, want %d", c.reason, got, c.want)
			}
		})
	}
}
