package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/components-contrib/state/sqlite"
	"github.com/google/go-cmp/cmp"
)

// contribIn is components-contrib's own store on the file of embeddedIn.
func contribIn(t *testing.T, dir string) *sqlite.SQLiteStore {
	t.Helper()
	s := sqlite.NewSQLiteStateStore(&bridge{log: slog.New(slog.DiscardHandler)}).(*sqlite.SQLiteStore)
	if err := s.Init(t.Context(), state.Metadata{Base: metadata.Base{Properties: map[string]string{"connectionString": filepath.Join(dir, "orders.db")}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestEmbeddedAsComponentsContrib has our statements and the store whose table
// they use do the same, and each read what the other wrote.
func TestEmbeddedAsComponentsContrib(t *testing.T) {
	type store interface {
		state.Store
		state.TransactionalStore
	}
	oursDir, theirsDir := t.TempDir(), t.TempDir()
	ours, theirs := embeddedIn(t, oursDir, false), contribIn(t, theirsDir)
	etag := func(s store, key string) *string {
		got, err := s.Get(t.Context(), &state.GetRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return got.ETag
	}
	other := "another"
	first := state.SetStateOption{Concurrency: state.FirstWrite}
	multi := func(s store, ops ...state.TransactionalStateOperation) error {
		return s.Multi(t.Context(), &state.TransactionalStateRequest{Operations: ops})
	}
	for _, c := range []struct {
		reason string
		do     func(s store) error
	}{
		{"bytes", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "bytes", Value: []byte{0, 255, '"'}})
		}},
		{"no bytes", func(s store) error { return s.Set(t.Context(), &state.SetRequest{Key: "none", Value: []byte{}}) }},
		{"JSON", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "json", Value: map[string]any{"a": "ü"}})
		}},
		{"no JSON", func(s store) error { return s.Set(t.Context(), &state.SetRequest{Key: "bad", Value: func() {}}) }},
		{"again, as another kind", func(s store) error { return s.Set(t.Context(), &state.SetRequest{Key: "json", Value: []byte("b")}) }},
		{"no key", func(s store) error { return s.Set(t.Context(), &state.SetRequest{Value: "v"}) }},
		{"a first write", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "first", Value: 1, Options: first})
		}},
		{"a first write that is second", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "first", Value: 2, Options: first})
		}},
		{"the right etag", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "first", Value: 3, ETag: etag(s, "first")})
		}},
		{"a wrong etag", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "first", Value: 4, ETag: &other})
		}},
		{"an etag of nothing", func(s store) error { return s.Set(t.Context(), &state.SetRequest{Key: "no", Value: 4, ETag: &other}) }},
		{"a TTL that is none", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "ttl", Value: 1, Metadata: map[string]string{"ttlInSeconds": "soon"}})
		}},
		{"a TTL below none", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "ttl", Value: 1, Metadata: map[string]string{"ttlInSeconds": "-1"}})
		}},
		{"an option that is none", func(s store) error {
			return s.Set(t.Context(), &state.SetRequest{Key: "o", Value: 1, Options: state.SetStateOption{Concurrency: "x"}})
		}},
		{"a removal with a wrong etag", func(s store) error { return s.Delete(t.Context(), &state.DeleteRequest{Key: "json", ETag: &other}) }},
		{"a removal of nothing", func(s store) error { return s.Delete(t.Context(), &state.DeleteRequest{Key: "no"}) }},
		{"a removal without a key", func(s store) error { return s.Delete(t.Context(), &state.DeleteRequest{}) }},
		{"a transaction of nothing", func(s store) error { return multi(s) }},
		{"a transaction", func(s store) error {
			return multi(s, state.SetRequest{Key: "t1", Value: 1}, state.SetRequest{Key: "t2", Value: 2}, state.DeleteRequest{Key: "t1"})
		}},
		{"a transaction that is undone", func(s store) error {
			return multi(s, state.SetRequest{Key: "t2", Value: 3}, state.DeleteRequest{Key: "bytes", ETag: &other})
		}},
		{"the same key twice", func(s store) error {
			return multi(s, state.SetRequest{Key: "t3", Value: 1}, state.SetRequest{Key: "t3", Value: 2})
		}},
	} {
		mine, its := c.do(ours), c.do(theirs)
		if diff := cmp.Diff(fmt.Sprint(its), fmt.Sprint(mine)); diff != "" {
			t.Errorf("%s (-components-contrib +embedded):\n%s", c.reason, diff)
		}
		var a, b *state.ETagError
		if errors.As(mine, &a) != errors.As(its, &b) {
			t.Errorf("%s: %T and %T", c.reason, mine, its)
		}
	}
	// What has expired: written by hand, for TTLs are whole seconds.
	if err := ours.Set(t.Context(), &state.SetRequest{Key: "late", Value: 1, Metadata: map[string]string{"ttlInSeconds": "1000"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := ours.Get(t.Context(), &state.GetRequest{Key: "late"}); err != nil || got.Metadata[state.GetRespMetaKeyTTLExpireTime] == "" {
		t.Errorf("a value with a TTL is %+v, %v", got, err)
	}
	if _, err := ours.sql.db.ExecContext(t.Context(), `UPDATE state SET expiration_time = DATETIME(CURRENT_TIMESTAMP, '-1 seconds') WHERE key = 'late'`); err != nil {
		t.Fatal(err)
	}
	late := etag(ours, "late")
	if late != nil {
		t.Error("what has expired is read")
	}
	if err := ours.Set(t.Context(), &state.SetRequest{Key: "late", Value: 2, Options: first}); err != nil {
		t.Errorf("what has expired is in the way of a first write: %v", err)
	}
	if err := theirs.Set(t.Context(), &state.SetRequest{Key: "late", Value: 2}); err != nil {
		t.Fatal(err)
	}

	var req []state.GetRequest
	for _, key := range []string{"bytes", "none", "json", "first", "t1", "t2", "t3", "late", "no", "ttl", "bad"} {
		req = append(req, state.GetRequest{Key: key})
	}
	bulk := func(s state.Store) []string {
		got, err := s.BulkGet(t.Context(), req, state.BulkGetOpts{})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range got {
			lines = append(lines, fmt.Sprintf("%s %q %t %v %s", r.Key, r.Data, r.ETag != nil, r.Metadata, r.Error))
		}
		slices.Sort(lines)
		return lines
	}
	want := bulk(theirs)
	for name, s := range map[string]state.Store{
		"embedded": ours, "what components-contrib wrote": embeddedIn(t, theirsDir, false), "components-contrib of what is ours": contribIn(t, oursDir),
	} {
		if diff := cmp.Diff(want, bulk(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEmbeddedBulkGet(t *testing.T) {
	e := embeddedIn(t, t.TempDir(), false)
	var ops []state.TransactionalStateOperation
	for i := range 2500 {
		ops = append(ops, state.SetRequest{Key: fmt.Sprint(i), Value: i})
	}
	if err := e.Multi(t.Context(), &state.TransactionalStateRequest{Operations: ops}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 8, 9, 1024, 1025, 2500} {
		req := make([]state.GetRequest, n)
		for i := range req {
			req[i].Key = fmt.Sprint(i)
		}
		if n > 0 {
			req = append(req, state.GetRequest{Key: "0"}, state.GetRequest{Key: "not there"})
		}
		got, err := e.BulkGet(t.Context(), req, state.BulkGetOpts{})
		if err != nil || len(got) != min(n, 1)+n {
			t.Fatalf("%d keys, one twice and one that is not there: %d values, %v", n, len(got), err)
		}
		for _, r := range got {
			if r.Key != "not there" && string(r.Data) != r.Key || r.Key == "not there" && r.ETag != nil {
				t.Errorf("%s is %q", r.Key, r.Data)
			}
		}
	}
}

func TestEmbeddedWaitsAsLongAsItsCaller(t *testing.T) {
	e := embeddedIn(t, t.TempDir(), false)
	if err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := e.sql.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	answered := make(chan error)
	go func() { answered <- e.Set(ctx, &state.SetRequest{Key: "k", Value: "v"}) }()
	cancel(errors.New("the caller went away"))
	if err := <-answered; err == nil || !strings.Contains(err.Error(), "cancel") && !strings.Contains(err.Error(), "went away") {
		t.Errorf("a caller that went away: %v", err)
	}
	done()
	if got, err := e.Get(t.Context(), &state.GetRequest{Key: "k"}); err != nil || got.ETag != nil {
		t.Errorf("its value is written: %+v, %v", got, err)
	}
}
