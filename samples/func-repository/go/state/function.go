// Package function counts visits, in a state store behind Dapr's API where
// there is one: beside the function on a cluster, and under weft up. Elsewhere
// it counts in memory.
package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
)

// Counter is the function: func calls New once, Start before the first
// request, Ready until it is true, and Stop after the last.
type Counter struct {
	visits store
	ready  atomic.Bool
}

// New makes the function of an instance.
func New() *Counter { return &Counter{} }

// Start opens the store. Settings are the environment, over the file cfg.
func (c *Counter) Start(_ context.Context, settings map[string]string) error {
	if endpoint := settings["DAPR_HTTP_ENDPOINT"]; endpoint != "" {
		c.visits = &daprStore{
			url:   endpoint + "/v1.0/state/" + cmp.Or(settings["STATE_STORE"], "statestore"),
			token: settings["DAPR_API_TOKEN"],
		}
	} else {
		c.visits = &memoryStore{}
	}
	c.ready.Store(true)
	return nil
}

// Ready says whether requests are taken.
func (c *Counter) Ready(context.Context) (bool, error) { return c.ready.Load(), nil }

// Stop takes no more requests. What was counted is in the store already.
func (c *Counter) Stop(context.Context) error {
	c.ready.Store(false)
	return nil
}

// Handle counts a visit and answers which it is.
func (c *Counter) Handle(w http.ResponseWriter, r *http.Request) {
	if !c.ready.Load() {
		http.Error(w, "not started", http.StatusServiceUnavailable)
		return
	}
	n, err := c.count(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A caller that is gone has no use for an error.
	_ = json.NewEncoder(w).Encode(map[string]int64{"visit": n})
}

// attempts at counting while other instances count too.
const attempts = 20

func (c *Counter) count(ctx context.Context) (int64, error) {
	for range attempts {
		n, version, err := c.visits.load(ctx)
		if err != nil {
			return 0, err
		}
		switch err := c.visits.save(ctx, n+1, version); {
		case err == nil:
			return n + 1, nil
		case !errors.Is(err, errChanged):
			return 0, err
		}
	}
	return 0, errors.New("too many visits at once; try again")
}
