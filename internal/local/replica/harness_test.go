package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// binaries are two versions of testdata/fn.
var binaries [2]string

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		helper()
		return
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weft-replica-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	for i := range binaries {
		binaries[i] = filepath.Join(dir, fmt.Sprint("fn", i+1))
		cmd := exec.Command("go", "build", "-ldflags", fmt.Sprintf("-X main.version=%d", i+1), "-o", binaries[i], "./testdata/fn")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build testdata/fn: %v\n%s", err, out))
		}
	}
	return m.Run()
}

// rig is a manager and what it tells.
type rig struct {
	t *testing.T
	*Manager
	plan *mesh.Plan

	mu     sync.Mutex
	events []Event
	lines  []string
	// more is closed and renewed with each event or line.
	more chan struct{}
}

type setup struct {
	opts Options
	// mode of each function by name; functions are in the order of names.
	names []string
	modes map[string]string
	// adjust changes the functions before the manager sees them.
	adjust func(f *mesh.Function)
	// noCode leaves out the binary.
	noCode bool
}

// newPlan makes a plan of functions that are linked in a row.
func newPlan(names ...string) *mesh.Plan {
	plan := &mesh.Plan{Name: "test", Namespace: "default"}
	for i, name := range names {
		plan.Functions = append(plan.Functions, &mesh.Function{
			Name: name, KubeName: name, Service: "test-" + name, Index: i, Concurrency: 100, Timeout: 10 * time.Second,
			Scaling: mesh.Scaling{Max: 10}, Spec: &v1beta1.Function{Name: name},
		})
	}
	return plan
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	if s.names == nil {
		s.names = []string{"f"}
	}
	r := &rig{t: t, plan: newPlan(s.names...), more: make(chan struct{})}
	for _, f := range r.plan.Functions {
		if s.adjust != nil {
			s.adjust(f)
		}
	}
	o := s.opts
	o.Plan = r.plan
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.MaxReplicas == 0 {
		o.MaxReplicas = 4
	}
	o.Logger = slog.New(slog.DiscardHandler)
	o.Observer = func(e Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
		close(r.more)
		r.more = make(chan struct{})
	}
	o.Output = func(_ *mesh.Function, _ int, line []byte) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, string(line))
		close(r.more)
		r.more = make(chan struct{})
	}
	env := o.Env
	o.Env = func(f *mesh.Function) ([]string, error) {
		vars := []string{"MODE=" + s.modes[f.Name]}
		if env != nil {
			more, err := env(f)
			return append(vars, more...), err
		}
		return vars, nil
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Manager = m
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := m.Stop(ctx); err != nil {
			t.Error(err)
		}
		if pids := m.PIDs(); len(pids) > 0 {
			t.Errorf("processes %v are left after Stop", pids)
		}
	})
	if !s.noCode {
		for _, f := range r.plan.Functions {
			if err := m.SetCode(context.Background(), f, Code{Binary: binaries[0]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

func (r *rig) f() *mesh.Function { return r.plan.Functions[0] }

// until waits for something seen in events and lines.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		r.mu.Lock()
		ok, more := is(), r.more
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("%s never came; events: %+v", what, r.events)
		}
	}
}

// await waits for the nth event of a kind and returns it.
func (r *rig) await(kind Kind, n int) Event {
	r.t.Helper()
	var found Event
	r.until(fmt.Sprintf("event %d of kind %s", n, kind), func() bool {
		seen := 0
		for _, e := range r.events {
			if e.Kind == kind {
				if seen++; seen == n {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found
}

func (r *rig) count(kind Kind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// call acquires a place, makes a request and releases the place.
func (r *rig) call(f *mesh.Function, path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := r.Acquire(ctx, f)
	if err != nil {
		return "", err
	}
	return request(ctx, e, path)
}

func request(ctx context.Context, e delivery.Endpoint, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+path, nil)
	if err != nil {
		return "", err
	}
	res, err := e.Transport.RoundTrip(req)
	if err != nil {
		e.Release(true)
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	e.Release(err != nil)
	return string(body), err
}

func (r *rig) mustCall(f *mesh.Function, path string) string {
	r.t.Helper()
	body, err := r.call(f, path)
	if err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	return body
}

// hang begins a call that stays in flight until free, and returns what it
// answers. It returns once the function has begun to answer.
func (r *rig) hang(f *mesh.Function, gate string) (e delivery.Endpoint, answer <-chan string) {
	r.t.Helper()
	e, err := r.Acquire(context.Background(), f)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, e.URL+"/hang/"+gate, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := e.Transport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	out := make(chan string, 1)
	go func() {
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		e.Release(err != nil)
		out <- string(body)
	}()
	return e, out
}

// free ends a hanging call. It goes to the replica itself, which may take no
// calls any more.
func (r *rig) free(e delivery.Endpoint, gate string) {
	r.t.Helper()
	// A draining replica may end before it has answered this.
	if res, err := http.Get(e.URL + "/free/" + gate); err == nil {
		_ = res.Body.Close()
	}
}

func unavailable(t *testing.T, err error, want ...string) *delivery.UnavailableError {
	t.Helper()
	var u *delivery.UnavailableError
	if !errors.As(err, &u) {
		t.Fatalf("got %v, want an UnavailableError", err)
	}
	for _, w := range want {
		if !strings.Contains(u.Error(), w) {
			t.Errorf("%q does not say %q", u, w)
		}
	}
	return u
}

func linuxOnly(t *testing.T, why string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only: " + why)
	}
}
