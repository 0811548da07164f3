package cli

import (
	"errors"
	"testing"
)

type closer struct{ err error }

func (c closer) Close() error { return c.err }

// TestEnded: a port that was lost after the work was done takes nothing back.
func TestEnded(t *testing.T) {
	failed, lost := errors.New("failed"), errors.New("lost connection to pod")
	for name, tc := range map[string]struct {
		reason           string
		did, closing     error
		isFailed, isLost bool
	}{
		"fine":         {reason: "nothing went wrong"},
		"lost later":   {reason: "what was asked for is done", closing: lost},
		"failed":       {reason: "it is told what failed", did: failed, isFailed: true},
		"failed by it": {reason: "the lost connection may be why", did: failed, closing: lost, isFailed: true, isLost: true},
	} {
		t.Run(name, func(t *testing.T) {
			err := ended(tc.did, closer{tc.closing})
			if errors.Is(err, failed) != tc.isFailed || errors.Is(err, lost) != tc.isLost || err != nil && tc.did == nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}
