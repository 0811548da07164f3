package components

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/components-contrib/state/sqlite"
	kitmd "github.com/dapr/kit/metadata"
)

// embedded is state.embedded, the engine's own durable state store: SQLite in
// <dir>/<component>.db with a write-ahead log, opened when it is first used, so
// that a mesh that keeps no state pays for none.
//
// What was answered for survives the end of the process in whatever way; a
// loss of power costs at most the last second, or nothing with always.
type embedded struct {
	name, dir string
	always    bool
	host      host
	// extra is metadata that the component sets over ours.
	extra map[string]string

	mu sync.RWMutex
	// db opens the file, lays out its tables, lists keys and removes what has
	// expired; what is read and written goes by the statements.
	db     *sqlite.SQLiteStore
	sql    *statements
	syncer *syncer
	closed bool
}

func embeddedStore(h host) part {
	return part{state: &embedded{name: h.name, dir: h.dir, always: h.always, host: h}}
}

// pragmas keep each connection small: a page cache of 1 MiB at most, nothing
// mapped, temporary tables in memory; and the write-ahead log at most 4 MiB
// after a checkpoint.
const pragmas = "_pragma=cache_size(-1024)&_pragma=mmap_size(0)&_pragma=temp_store(2)&_pragma=journal_size_limit(4194304)"

// Init makes sure of the directory: that the store will open is known at start
// though it opens later.
func (e *embedded) Init(_ context.Context, md state.Metadata) error {
	if e.dir == "" {
		return errors.New("the engine has no data directory")
	}
	if !filepath.IsLocal(e.name) || filepath.Base(e.name) != e.name {
		return fmt.Errorf("the name %q cannot be that of a file", e.name)
	}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of embedded state: %w", err)
	}
	f, err := os.CreateTemp(e.dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("write to the directory of embedded state: %w", err)
	}
	e.extra = md.Properties
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// open gives the statements of the database, which is opened by the first who
// asks. The caller calls done when it has finished.
func (e *embedded) open(ctx context.Context) (sql *statements, done func(), err error) {
	for {
		e.mu.RLock()
		if e.closed {
			e.mu.RUnlock()
			return nil, nil, fmt.Errorf("state store %s is closed", e.name)
		}
		if e.db != nil {
			return e.sql, e.mu.RUnlock, nil
		}
		e.mu.RUnlock()
		if err := e.start(ctx); err != nil {
			return nil, nil, fmt.Errorf("open state store %s: %w", e.name, err)
		}
	}
}

func (e *embedded) start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.db != nil || e.closed {
		return nil
	}
	file := filepath.Join(e.dir, e.name+".db")
	mode := "NORMAL"
	if e.always {
		mode = "FULL"
	}
	props := map[string]string{
		"connectionString": "file:" + uriEscape.Replace(file) + "?" + pragmas + "&_pragma=synchronous(" + mode + ")",
		// Writers of other processes, such as a backup, are waited for.
		"busyTimeout":     "10s",
		"cleanupInterval": "1h",
	}
	for _, name := range []string{"timeout", "busyTimeout", "cleanupInterval", "tableName", "metadataTableName"} {
		if v := get(e.extra, name); v != "" {
			props[name] = v
		}
	}
	db, ok := sqlite.NewSQLiteStateStore(e.host.log).(*sqlite.SQLiteStore)
	if !ok {
		return errors.New("components-contrib has another SQLite store than this was built for")
	}
	err := db.Init(context.WithoutCancel(ctx), state.Metadata{Base: metadata.Base{Name: e.name, Properties: props}})
	if err != nil {
		_ = part{state: db}.close()
		return err
	}
	// One connection: SQLite has one writer at a time, and those that wait for
	// it inside SQLite do so by sleeping. It also is one page cache instead of
	// one for each request under way.
	conn := db.GetDBAccess().GetConnection()
	conn.SetMaxOpenConns(1)
	set := struct {
		TableName string
		Timeout   time.Duration
	}{"state", 20 * time.Second}
	if err = kitmd.DecodeMetadata(props, &set); err == nil {
		e.sql, err = prepare(context.WithoutCancel(ctx), conn, set.TableName, set.Timeout)
	}
	if err != nil {
		_ = part{state: db}.close()
		return err
	}
	e.db = db
	if !e.always {
		e.syncer = &syncer{path: file + "-wal", log: e.host.log}
	}
	return nil
}

// sqliteFull is SQLite's result code for a disk without room (SQLITE_FULL).
const sqliteFull = 13

// wrote notes that there is something to sync, or says what to do about a disk
// that is full. Removing is writing to the log, so that it takes room as well.
func (e *embedded) wrote(err error) error {
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok && coded.Code()&0xff == sqliteFull {
		return fmt.Errorf("the disk with %s is full: make room there, for removing keys needs some too: %w", e.dir, err)
	}
	if err == nil && e.syncer != nil {
		e.syncer.dirty()
	}
	return err
}

// Features are SQLite's.
func (e *embedded) Features() []state.Feature {
	return []state.Feature{state.FeatureETag, state.FeatureTransactional, state.FeatureTTL, state.FeatureKeysLike}
}

// GetComponentMetadata tells of the metadata that may be set.
func (e *embedded) GetComponentMetadata() metadata.MetadataMap {
	return metadata.MetadataMap{
		"cleanupInterval": {Type: "time.Duration"}, "tableName": {Type: "string"}, "metadataTableName": {Type: "string"},
	}
}

// Ping opens the store.
func (e *embedded) Ping(ctx context.Context) error {
	_, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return e.db.Ping(ctx)
}

// Get reads a value.
func (e *embedded) Get(ctx context.Context, req *state.GetRequest) (*state.GetResponse, error) {
	sql, done, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return sql.read(ctx, req)
}

// Set writes a value.
func (e *embedded) Set(ctx context.Context, req *state.SetRequest) error {
	sql, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return e.wrote(sql.write(ctx, *req))
}

// Delete removes a value.
func (e *embedded) Delete(ctx context.Context, req *state.DeleteRequest) error {
	sql, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return e.wrote(sql.write(ctx, *req))
}

// BulkGet reads values.
func (e *embedded) BulkGet(ctx context.Context, req []state.GetRequest, _ state.BulkGetOpts) ([]state.BulkGetResponse, error) {
	sql, done, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return sql.readMany(ctx, req)
}

// BulkSet writes values, each by itself.
func (e *embedded) BulkSet(ctx context.Context, req []state.SetRequest, opts state.BulkStoreOpts) error {
	return state.NewDefaultBulkStore(e).BulkSet(ctx, req, opts)
}

// BulkDelete removes values, each by itself.
func (e *embedded) BulkDelete(ctx context.Context, req []state.DeleteRequest, opts state.BulkStoreOpts) error {
	return state.NewDefaultBulkStore(e).BulkDelete(ctx, req, opts)
}

// Multi writes and removes all or nothing.
func (e *embedded) Multi(ctx context.Context, req *state.TransactionalStateRequest) error {
	sql, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return e.wrote(sql.write(ctx, req.Operations...))
}

// KeysLike lists keys by an SQL pattern.
func (e *embedded) KeysLike(ctx context.Context, req *state.KeysLikeRequest) (*state.KeysLikeResponse, error) {
	_, done, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return e.db.KeysLike(ctx, req)
}

// Close waits for what is under way, then syncs and closes the file.
func (e *embedded) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.db == nil {
		return nil
	}
	if e.syncer != nil {
		e.syncer.close()
	}
	err := e.db.Close()
	e.db = nil
	return err
}
