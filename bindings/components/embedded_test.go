package components

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
)

func embeddedIn(t testing.TB, dir string, always bool) *embedded {
	t.Helper()
	h := host{name: "orders", dir: dir, always: always, log: &bridge{log: slog.New(slog.DiscardHandler)}}
	e := embeddedStore(h).state.(*embedded)
	if err := e.Init(context.Background(), state.Metadata{Base: metadata.Base{}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

func TestEmbeddedOpensLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	e := embeddedIn(t, dir, false)
	file := filepath.Join(dir, "orders.db")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there before the store is used: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
	if _, err := e.Get(t.Context(), &state.GetRequest{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file is not there after the store was used: %v", err)
	}
}

func TestEmbeddedNames(t *testing.T) {
	for _, name := range []string{"../orders", "a/b", "", ".."} {
		e := &embedded{name: name, dir: t.TempDir()}
		if err := e.Init(t.Context(), state.Metadata{}); err == nil {
			t.Errorf("the name %q is taken for a file", name)
		}
	}
	e := &embedded{name: "orders"}
	if err := e.Init(t.Context(), state.Metadata{}); err == nil {
		t.Error("a store opens in no directory")
	}
}

// TestEmbeddedDirectory has a directory with all that means something in a
// connection string.
func TestEmbeddedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%e&f=g")
	e := embeddedIn(t, dir, true)
	if err := e.Set(t.Context(), &state.SetRequest{Key: "k", Value: "v"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "orders.db")); err != nil {
		t.Error(err)
	}
}

func TestEmbeddedPragmas(t *testing.T) {
	for name, c := range map[string]struct {
		always bool
		sync   string
	}{"each second": {false, "1"}, "always": {true, "2"}} {
		t.Run(name, func(t *testing.T) {
			e := embeddedIn(t, t.TempDir(), c.always)
			if err := e.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			db := e.db.GetDBAccess().GetConnection()
			for pragma, want := range map[string]string{
				"journal_mode": "wal", "synchronous": c.sync, "cache_size": "-1024", "mmap_size": "0", "busy_timeout": "10000",
			} {
				var got string
				if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
				}
			}
		})
	}
}

// TestEmbeddedSurvivesKill has a process write until it is killed: all that it
// was told is written must be there.
func TestEmbeddedSurvivesKill(t *testing.T) {
	const variable = "WEFT_TEST_WRITE_TO"
	if dir := os.Getenv(variable); dir != "" {
		e := embeddedIn(t, dir, false)
		for i := 0; ; i++ {
			op := state.SetRequest{Key: "n" + strconv.Itoa(i), Value: i}
			err := e.Multi(t.Context(), &state.TransactionalStateRequest{Operations: []state.TransactionalStateOperation{op, state.SetRequest{Key: "last", Value: i}}})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println("wrote", i)
		}
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestEmbeddedSurvivesKill$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told, lines := -1, bufio.NewScanner(out)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "wrote "); ok {
			if told, err = strconv.Atoi(n); err != nil {
				t.Fatal(err)
			}
		}
		if told == 200 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // It was killed.
	if told < 200 {
		t.Fatalf("the writer ended by itself after %d", told)
	}
	e := embeddedIn(t, dir, false)
	last, err := e.Get(t.Context(), &state.GetRequest{Key: "last"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(string(last.Data)); err != nil || n < told {
		t.Errorf("the last that is there is %s, and %d was answered for", last.Data, told)
	}
	for i := range told + 1 {
		got, err := e.Get(t.Context(), &state.GetRequest{Key: "n" + strconv.Itoa(i)})
		if err != nil || string(got.Data) != strconv.Itoa(i) {
			t.Fatalf("n%d is %q, %v", i, got.Data, err)
		}
	}
}

func TestEmbeddedAtOnce(t *testing.T) {
	e := embeddedIn(t, t.TempDir(), false)
	ctx := t.Context()
	if err := e.Set(ctx, &state.SetRequest{Key: "n", Value: 0}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const workers, each = 8, 25
	for range workers {
		wg.Go(func() {
			for done := 0; done < each; {
				got, err := e.Get(ctx, &state.GetRequest{Key: "n"})
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(got.Data))
				err = e.Set(ctx, &state.SetRequest{Key: "n", Value: n + 1, ETag: got.ETag, Options: state.SetStateOption{Concurrency: state.FirstWrite}})
				var mismatch *state.ETagError
				switch {
				case err == nil:
					done++
				case !errors.As(err, &mismatch):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, err := e.Get(ctx, &state.GetRequest{Key: "n"})
	if err != nil || string(got.Data) != strconv.Itoa(workers*each) {
		t.Errorf("n is %s, %v", got.Data, err)
	}
}

func TestSyncer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wal")
	s := &syncer{path: file, log: &bridge{log: slog.New(slog.DiscardHandler)}}
	s.dirty() // The file may not be there yet.
	s.dirty()
	s.close()
	if s.dirty(); s.running {
		t.Error("a closed syncer runs")
	}
	if err := syncFile(file); err != nil {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syncFile(file); err != nil {
		t.Error(err)
	}
	if err := syncFile(filepath.Dir(file)); err == nil {
		t.Error("a directory is synced for a file")
	}
}

// BenchmarkEmbedded measures one caller after the other, and many at once.
func BenchmarkEmbedded(b *testing.B) {
	value := []byte(`{"id":"o-1","items":[{"sku":"a","n":2},{"sku":"b","n":1}],"total":129.90,"customer":"c-17"}`)
	for _, always := range []bool{false, true} {
		e := embeddedIn(b, b.TempDir(), always)
		ctx := context.Background()
		for i := range 1000 {
			if err := e.Set(ctx, &state.SetRequest{Key: "mesh||" + strconv.Itoa(i), Value: value}); err != nil {
				b.Fatal(err)
			}
		}
		key := func(i int) string { return "mesh||" + strconv.Itoa(i%1000) }
		ops := map[string]func(i int) error{
			"get": func(i int) error {
				_, err := e.Get(ctx, &state.GetRequest{Key: key(i)})
				return err
			},
			"set": func(i int) error { return e.Set(ctx, &state.SetRequest{Key: key(i), Value: value}) },
			"transaction of 3": func(i int) error {
				return e.Multi(ctx, &state.TransactionalStateRequest{Operations: []state.TransactionalStateOperation{
					state.SetRequest{Key: key(i), Value: value}, state.SetRequest{Key: key(i + 1), Value: value}, state.DeleteRequest{Key: key(i + 2)},
				}})
			},
		}
		for _, n := range []int{10, 100} {
			ops["bulk get of "+strconv.Itoa(n)] = func(i int) error {
				req := make([]state.GetRequest, n)
				for j := range req {
					req[j].Key = key(i + j)
				}
				_, err := e.BulkGet(ctx, req, state.BulkGetOpts{})
				return err
			}
		}
		for _, name := range []string{"get", "set", "transaction of 3", "bulk get of 10", "bulk get of 100"} {
			mode := "sync each second"
			if always {
				mode = "sync always"
			}
			b.Run(mode+"/"+name, func(b *testing.B) {
				for i := range b.N {
					if err := ops[name](i); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(mode+"/"+name+"/at once", func(b *testing.B) {
				b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						if err := ops[name](i); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
