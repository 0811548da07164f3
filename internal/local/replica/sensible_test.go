package replica

import "testing"

func TestSensible(t *testing.T) {
	tests := map[string]struct {
		reason             string
		places, processors int
		want               int
	}{
		"many places":     {"one for each processor: they share them", 100, 2, 2},
		"one place":       {"only replicas let calls run at once", 1, 2, 32},
		"a few places":    {"together as many places as are worth it", 5, 4, 13},
		"large machine":   {"places for each processor", 100, 64, 64},
		"enough for each": {"never fewer than processors", 16, 8, 8},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := sensible(tc.places, tc.processors); got != tc.want {
				t.Errorf("%s: sensible(%d, %d) = %d, want %d", tc.reason, tc.places, tc.processors, got, tc.want)
			}
		})
	}
}
