package together

import (
	"fmt"
	"testing"
	"time"
)

func TestRecent(t *testing.T) {
	r := NewRecent[int]()
	r.Put("a", 1)
	tests := []struct {
		reason string
		after  time.Duration
		found  bool
	}{
		{"just read", 0, true},
		{"still young", lifetime - time.Millisecond, true},
		{"old", lifetime, true},
		{"and gone", lifetime, false},
	}
	now := r.since
	for _, tc := range tests {
		now = now.Add(tc.after)
		r.age(now)
		if _, ok := r.old["a"]; !ok {
			_, ok = r.young["a"]
			if ok != tc.found {
				t.Errorf("%s: remembered: %v, want %v", tc.reason, ok, tc.found)
			}
		} else if !tc.found {
			t.Errorf("%s: still remembered", tc.reason)
		}
	}
	r.Put("b", 2)
	r.age(now.Add(3 * lifetime))
	if len(r.young)+len(r.old) != 0 {
		t.Errorf("after a long time: %v, %v", r.young, r.old)
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := NewRecent[int]()
	for i := range 3 * maxEntries {
		r.Put(fmt.Sprint(i), i)
	}
	if n := len(r.young) + len(r.old); n > 2*maxEntries {
		t.Errorf("%d entries", n)
	}
	if v, ok := r.Get(fmt.Sprint(3*maxEntries - 1)); !ok || v != 3*maxEntries-1 {
		t.Errorf("the latest is %d, %v", v, ok)
	}
}
