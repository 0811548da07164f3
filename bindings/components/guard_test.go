package components

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
)

func redisStore(t *testing.T) *guardedRedis {
	t.Helper()
	store := newRedis(&bridge{log: slog.New(slog.DiscardHandler)}).(*guardedRedis)
	if err := store.Init(t.Context(), state.Metadata{Base: metadata.Base{Properties: redisProps(t)}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func multi(ctx context.Context, s *guardedRedis, ops ...state.TransactionalStateOperation) error {
	return s.Multi(ctx, &state.TransactionalStateRequest{Operations: ops})
}

func TestRealRedisTransactionIsAllOrNothing(t *testing.T) {
	s, name := redisStore(t), unique()
	a, b := name+"a", name+"b"
	old := "1"
	if err := multi(t.Context(), s, state.SetRequest{Key: a, Value: "1"}, state.SetRequest{Key: b, Value: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), &state.SetRequest{Key: b, Value: "2"}); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		reason string
		op     state.TransactionalStateOperation
	}{
		"changed meanwhile": {"b has another etag", state.SetRequest{Key: b, Value: "3", ETag: &old}},
		"deleted meanwhile": {"b has another etag", state.DeleteRequest{Key: b, ETag: &old}},
		"exists": {"b is there already", state.SetRequest{
			Key: b, Value: "3", Options: state.SetStateOption{Concurrency: state.FirstWrite}}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			err := multi(t.Context(), s, state.SetRequest{Key: a, Value: "changed"}, c.op)
			var etag *state.ETagError
			if !errors.As(err, &etag) {
				t.Errorf("%s: %v is no etag error", c.reason, err)
			}
			got, err := s.Get(t.Context(), &state.GetRequest{Key: a})
			if err != nil || string(got.Data) != `"1"` {
				t.Errorf("%s: a was written all the same: %s %v", c.reason, got.Data, err)
			}
		})
	}
}

func TestRealRedisTransactionsDoNotLoseUpdates(t *testing.T) {
	s, name := redisStore(t), unique()
	keys := []string{name + "a", name + "b"}
	zero := "0"
	if err := multi(t.Context(), s, state.SetRequest{Key: keys[0], Value: 0, ETag: &zero}, state.SetRequest{Key: keys[1], Value: 0}); err != nil {
		t.Fatal(err)
	}
	const workers, rounds = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for done := 0; done < rounds; {
				ops := make([]state.TransactionalStateOperation, 2)
				for i, key := range keys {
					item, err := s.Get(t.Context(), &state.GetRequest{Key: key})
					if err != nil {
						t.Error(err)
						return
					}
					n, err := strconv.Atoi(string(item.Data))
					if err != nil {
						t.Error(err)
						return
					}
					ops[i] = state.SetRequest{Key: key, Value: n + 1, ETag: item.ETag}
				}
				var etag *state.ETagError
				switch err := multi(t.Context(), s, ops...); {
				case err == nil:
					done++
				case !errors.As(err, &etag):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, key := range keys {
		item, err := s.Get(t.Context(), &state.GetRequest{Key: key})
		if err != nil || string(item.Data) != strconv.Itoa(workers*rounds) {
			t.Errorf("%s is %s, want %d (%v)", key, item.Data, workers*rounds, err)
		}
	}
}
