package cluster

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
)

// TestPoll: a cluster that is away for a moment ends no wait.
func TestPoll(t *testing.T) {
	refused := &explained{err: &url.Error{Op: "Get", URL: "https://c", Err: errors.New("connection refused")}, text: "the cluster does not answer"}
	forbidden := errors.New("forbidden")
	for name, tc := range map[string]struct {
		reason string
		errs   []error // of one call after the other; then it is done
		want   error
		asked  int
	}{
		"away":      {reason: "it came back", errs: []error{nil, refused, refused}, asked: 4},
		"forbidden": {reason: "waiting does not help", errs: []error{nil, forbidden}, want: forbidden, asked: 2},
		"gone":      {reason: "the time is up, and what was wrong is told", errs: []error{refused, refused, refused, refused, refused, refused, refused, refused}, want: refused, asked: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*pollEvery/2)
				defer cancel()
				if name == "away" {
					ctx = t.Context()
				}
				asked := 0
				err := poll(ctx, func() (bool, error) {
					asked++
					if asked > len(tc.errs) {
						return true, nil
					}
					return false, tc.errs[asked-1]
				})
				if !errors.Is(err, tc.want) || asked != tc.asked {
					t.Errorf("%s: %v after %d calls, want %v after %d", tc.reason, err, asked, tc.want, tc.asked)
				}
			})
		})
	}
}
