package effects

import (
	"context"
	"errors"
	"testing"
	"time"
)

type mails map[string]int

func (m mails) About(id string) Mail { return Mail{Count: m[id]} }

func TestDrain(t *testing.T) {
	boom := errors.New("boom")
	tests := map[string]struct {
		reason string
		mails  mails
		dead   map[string]bool
		err    error
		want   int
		fails  bool
	}{
		"all mailed":       {"nobody asks for dead letters", mails{"a": 1, "b": 2}, nil, boom, 0, false},
		"one dead":         {"an order that was given up is not lost", mails{"a": 1}, map[string]bool{"b": true}, nil, 1, false},
		"one lost":         {"neither mail nor dead letter", mails{"a": 1}, map[string]bool{"c": true}, nil, 0, true},
		"cannot be looked": {"a proof that cannot see fails", mails{"a": 1}, nil, boom, 0, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Drain(t.Context(), tc.mails, []string{"a", "b"}, func(context.Context) (map[string]bool, error) {
				return tc.dead, tc.err
			}, time.Millisecond)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%s: %d, %v", tc.reason, got, err)
			}
		})
	}
}
