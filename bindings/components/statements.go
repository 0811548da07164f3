package components

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dapr/components-contrib/state"
	stateutils "github.com/dapr/components-contrib/state/utils"
	"github.com/google/uuid"
)

// statements reads and writes the table of components-contrib's SQLite store
// (v1.18.1, state/sqlite) by statements that are prepared once, where that store
// has SQLite parse each anew, which took as long as the rest of a read. A value
// that replaces another does so in its row: the store deletes the row and
// inserts one elsewhere, three pages of the log instead of one.
//
// One caller at a time has its turn. The contexts of callers count while they
// wait; what has begun is finished, for it takes microseconds, or as long as
// another process holds the file (busyTimeout).
type statements struct {
	db      *sql.DB
	busy    chan struct{}
	timeout time.Duration

	get, put, putFirst, putMatch, del, delMatch *sql.Stmt
	// many are selects for up to 8, 16, 32, ... keys, made when first needed.
	many  [8]*sql.Stmt
	table string
}

const (
	alive = `(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)`
	// columns are read as blobs, which the driver gives without asking for
	// their declared types.
	columns = `SELECT CAST(key AS BLOB), CAST(value AS BLOB), is_binary, CAST(etag AS BLOB), expiration_time FROM `
	// fewest is the number of keys of the smallest statement of many.
	fewest = 8
)

func prepare(ctx context.Context, db *sql.DB, table string, timeout time.Duration) (*statements, error) {
	s := &statements{db: db, busy: make(chan struct{}, 1), timeout: timeout, table: table}
	// A modifier of time that is NULL makes the time NULL: it never expires.
	insert := `INSERT INTO ` + table + ` (key, value, is_binary, etag, update_time, expiration_time)
		VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, DATETIME(CURRENT_TIMESTAMP, ?))
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_binary = excluded.is_binary, etag = excluded.etag,
			update_time = excluded.update_time, expiration_time = excluded.expiration_time`
	for text, st := range map[string]**sql.Stmt{
		columns + table + ` WHERE key = ? AND ` + alive: &s.get,
		insert:                                 &s.put,
		insert + ` WHERE NOT ` + alived(table): &s.putFirst,
		`UPDATE ` + table + ` SET value = ?2, is_binary = ?3, etag = ?4, update_time = CURRENT_TIMESTAMP,
			expiration_time = DATETIME(CURRENT_TIMESTAMP, ?5) WHERE key = ?1 AND etag = ?6 AND ` + alive: &s.putMatch,
		`DELETE FROM ` + table + ` WHERE key = ?`:              &s.del,
		`DELETE FROM ` + table + ` WHERE key = ? AND etag = ?`: &s.delMatch,
	} {
		var err error
		if *st, err = db.PrepareContext(ctx, text); err != nil {
			return nil, fmt.Errorf("prepare a statement: %w", err)
		}
	}
	return s, nil
}

// alived is alive of the row that is there, in a statement that has another.
func alived(table string) string {
	return strings.ReplaceAll(alive, "expiration_time", table+".expiration_time")
}

// turn waits until the database is free. The caller calls done.
func (s *statements) turn(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.busy <- struct{}{}:
		return s.done, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case s.busy <- struct{}{}:
		return s.done, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the database: %w", context.Cause(ctx))
	}
}

func (s *statements) done() { <-s.busy }

// row is what is kept of a value.
type row struct {
	key, value, etag []byte
	binary           bool
	expires          sql.NullTime
}

func (r *row) scan(from interface{ Scan(...any) error }) error {
	return from.Scan(&r.key, &r.value, &r.binary, &r.etag, &r.expires)
}

// answer gives the value as its writer gave it.
func (r *row) answer() (*state.GetResponse, error) {
	if r.binary {
		n, err := base64.StdEncoding.Decode(r.value, r.value)
		if err != nil {
			return nil, fmt.Errorf("failed to decode binary data: %w", err)
		}
		r.value = r.value[:n]
	}
	etag := string(r.etag)
	res := &state.GetResponse{Data: r.value, ETag: &etag}
	if r.expires.Valid {
		res.Metadata = map[string]string{state.GetRespMetaKeyTTLExpireTime: r.expires.Time.UTC().Format(time.RFC3339)}
	}
	return res, nil
}

func (s *statements) read(ctx context.Context, req *state.GetRequest) (*state.GetResponse, error) {
	if req.Key == "" {
		return nil, errors.New("missing key in get operation")
	}
	done, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	var r row
	err = r.scan(s.get.QueryRowContext(context.WithoutCancel(ctx), req.Key))
	done()
	if errors.Is(err, sql.ErrNoRows) {
		return &state.GetResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	return r.answer()
}

// readMany gives what there is in the order of the table, and then what is not
// there, which has no ETag.
func (s *statements) readMany(ctx context.Context, req []state.GetRequest) ([]state.BulkGetResponse, error) {
	res := make([]state.BulkGetResponse, 0, len(req))
	found := make(map[string]struct{}, len(req))
	for rest := req; len(rest) > 0; {
		some := rest[:min(len(rest), fewest<<(len(s.many)-1))]
		rest = rest[len(some):]
		if err := s.readSome(ctx, some, func(r *row) {
			key := string(r.key)
			if _, ok := found[key]; ok {
				return // A key asked for twice, far apart.
			}
			found[key] = struct{}{}
			one := state.BulkGetResponse{Key: key}
			if a, err := r.answer(); err != nil {
				one.Error = err.Error()
			} else {
				one.Data, one.ETag, one.Metadata = a.Data, a.ETag, a.Metadata
			}
			res = append(res, one)
		}); err != nil {
			return nil, err
		}
	}
	if len(found) < len(req) {
		for i := range req {
			if _, ok := found[req[i].Key]; !ok {
				res = append(res, state.BulkGetResponse{Key: req[i].Key})
			}
		}
	}
	return res, nil
}

func (s *statements) readSome(ctx context.Context, req []state.GetRequest, each func(*row)) error {
	size, n := 0, fewest
	for n < len(req) {
		size, n = size+1, n*2
	}
	keys := make([]any, n)
	for i := range keys {
		keys[i] = req[min(i, len(req)-1)].Key // The last one fills what is left.
	}
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx = context.WithoutCancel(ctx)
	if s.many[size] == nil {
		text := columns + s.table + ` WHERE key IN (?` + strings.Repeat(",?", n-1) + `) AND ` + alive
		if s.many[size], err = s.db.PrepareContext(ctx, text); err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
	}
	rows, err := s.many[size].QueryContext(ctx, keys...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells all.
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return err
		}
		each(&r)
	}
	return rows.Err()
}

// write makes operations, all or none. One is a transaction without saying so.
func (s *statements) write(ctx context.Context, ops ...state.TransactionalStateOperation) error {
	if len(ops) == 0 {
		return nil
	}
	steps := make([]step, len(ops))
	for i, op := range ops {
		var err error
		switch req := op.(type) {
		case state.SetRequest:
			steps[i], err = s.setting(&req)
		case state.DeleteRequest:
			steps[i], err = s.deleting(&req)
		default:
			err = fmt.Errorf("unsupported operation: %s", op.Operation())
		}
		if err != nil {
			return err
		}
	}
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx = context.WithoutCancel(ctx)
	if len(steps) == 1 {
		return steps[0].run(ctx, steps[0].st)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("failed to begin transaction: %w", err)
	}
	for _, step := range steps {
		if err := step.run(ctx, tx.StmtContext(ctx, step.st)); err != nil {
			if undo := tx.Rollback(); undo != nil {
				return fmt.Errorf("%w (and undo the transaction: %w)", err, undo)
			}
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("failed to commit transaction: %w", err)
	}
	return nil
}

// step is a statement with its values.
type step struct {
	st   *sql.Stmt
	args []any
	// must says that a row must be written, or the etag was another.
	must bool
}

func (p step) run(ctx context.Context, st *sql.Stmt) error {
	res, err := st.ExecContext(ctx, p.args...)
	if err != nil || !p.must {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return state.NewETagError(state.ETagMismatch, nil)
	}
	return err
}

func (s *statements) setting(req *state.SetRequest) (step, error) {
	if err := state.CheckRequestOptions(req.Options); err != nil {
		return step{}, err
	}
	if req.Key == "" {
		return step{}, errors.New("missing key in set option")
	}
	ttl, err := stateutils.ParseTTL(req.Metadata)
	if err != nil {
		return step{}, fmt.Errorf("error parsing TTL: %w", err)
	}
	var expires any
	if ttl != nil && *ttl > 0 {
		expires = fmt.Sprintf("+%d seconds", *ttl)
	}
	var value string
	data, binary := req.Value.([]byte)
	if binary {
		value = base64.StdEncoding.EncodeToString(data)
	} else {
		text, err := json.Marshal(req.Value)
		if err != nil {
			return step{}, err
		}
		value = string(text)
	}
	etag, err := uuid.NewRandom()
	if err != nil {
		return step{}, err
	}
	args := []any{req.Key, value, binary, etag.String(), expires}
	switch {
	case req.HasETag():
		return step{st: s.putMatch, args: append(args, *req.ETag), must: true}, nil
	case req.Options.Concurrency == state.FirstWrite:
		return step{st: s.putFirst, args: args, must: true}, nil
	}
	return step{st: s.put, args: args}, nil
}

func (s *statements) deleting(req *state.DeleteRequest) (step, error) {
	if err := state.CheckRequestOptions(req.Options); err != nil {
		return step{}, err
	}
	if req.Key == "" {
		return step{}, errors.New("missing key in delete operation")
	}
	if req.HasETag() {
		return step{st: s.delMatch, args: []any{req.Key, *req.ETag}, must: true}, nil
	}
	return step{st: s.del, args: []any{req.Key}}, nil
}
