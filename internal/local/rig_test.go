package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

// binaries holds the functions of the tests, stepBinary the one that most use.
var binaries, stepBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weft-local-*")
	if err != nil {
		panic(err)
	}
	binaries, stepBinary = dir, filepath.Join(dir, "step")
	if out, err := exec.Command("go", "build", "-o", stepBinary, "./testdata/step").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the test's function: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build makes a function of testdata, once, and returns its program.
func build(t *testing.T, name string) string {
	t.Helper()
	binary := filepath.Join(binaries, name)
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	if out, err := exec.Command("go", "build", "-o", binary, "./testdata/"+name).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return binary
}

// hookCall is a call that a function tells the test of.
type hookCall struct {
	Function, ID string
	Attempt, PID int
}

// rig is an engine with a test around it.
type rig struct {
	t    *testing.T
	dir  string // of the mesh
	data string
	out  *lines
	hook *httptest.Server

	mu     sync.Mutex
	calls  []hookCall
	told   chan hookCall
	action func(hookCall) string

	run    adminapi.Run
	client *adminapi.Client
	stop   context.CancelFunc
	ended  chan error
}

// newRig writes a mesh whose functions are steps, unless they say otherwise:
// $STEP stands for the command. action tells what a call is to do; it may
// block.
func newRig(t *testing.T, mesh string, action func(hookCall) string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), data: t.TempDir(), out: &lines{}, told: make(chan hookCall, 10_000), action: action}
	r.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		attempt, _ := strconv.Atoi(q.Get("attempt"))
		pid, _ := strconv.Atoi(q.Get("pid"))
		c := hookCall{Function: q.Get("function"), ID: q.Get("id"), Attempt: attempt, PID: pid}
		r.mu.Lock()
		r.calls = append(r.calls, c)
		action := r.action
		r.mu.Unlock()
		r.told <- c
		if action != nil {
			fmt.Fprint(w, action(c))
		}
	}))
	t.Cleanup(r.hook.Close)
	r.write("mesh.yaml", mesh)
	r.write("env", "STEP_HOOK="+r.hook.URL+"\n")
	return r
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$STEP", stepBinary)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) act(action func(hookCall) string) {
	r.mu.Lock()
	r.action = action
	r.mu.Unlock()
}

// options of an engine on the rig.
func (r *rig) options() Options {
	return Options{
		File: filepath.Join(r.dir, "mesh.yaml"), Data: r.data, HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0",
		EnvFile: filepath.Join(r.dir, "env"), Out: r.out, Version: "test",
	}
}

// up starts an engine and waits until it takes traffic.
func (r *rig) up(change ...func(*Options)) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	opts := r.options()
	ready, ended := make(chan adminapi.Run, 1), make(chan error, 1)
	opts.OnReady = func(run adminapi.Run, _ []string) { ready <- run }
	for _, c := range change {
		c(&opts)
	}
	go func() { ended <- Run(ctx, opts) }()
	r.stop, r.ended = cancel, ended
	select {
	case r.run = <-ready:
	case err := <-ended:
		cancel()
		r.t.Fatalf("the engine did not start: %v\n%s", err, r.out)
	}
	r.client = adminapi.NewClient(r.run, "")
	r.t.Cleanup(func() { r.down() })
}

// down stops the engine and waits until it has drained.
func (r *rig) down() {
	r.t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if err := <-r.ended; err != nil {
		r.t.Errorf("the engine ended with %v\n%s", err, r.out)
	}
	if r.t.Failed() {
		r.t.Logf("the engine said:\n%s", r.out)
	}
}

// post sends data to a route and returns status and body.
func (r *rig) post(path, body string, header ...string) (int, string, http.Header) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.run.HTTP+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// order places one order and fails the test if it is not accepted.
func (r *rig) order(id string) string {
	r.t.Helper()
	status, body, header := r.post("/orders", fmt.Sprintf(`{"id":%q}`, id))
	if status != http.StatusOK {
		r.t.Fatalf("order %s: %d %s\n%s", id, status, body, r.out)
	}
	return header.Get("X-Trace-Id")
}

// await waits for a call of a function with an id.
func (r *rig) await(function, id string) hookCall {
	r.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case c := <-r.told:
			if c.Function == function && (id == "" || c.ID == id) {
				return c
			}
		case <-deadline:
			r.t.Fatalf("%s was not called with %s; calls: %+v\n%s", function, id, r.seen(), r.out)
		}
	}
}

func (r *rig) seen() []hookCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hookCall(nil), r.calls...)
}

// count of the calls of a function with an id so far.
func (r *rig) count(function, id string) int {
	n := 0
	for _, c := range r.seen() {
		if c.Function == function && c.ID == id {
			n++
		}
	}
	return n
}

// eventually waits until what holds, without anything to wait on.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("never: %s\n%s", what, r.out)
		}
	}
}

func (r *rig) status() adminapi.Status {
	r.t.Helper()
	s, err := r.client.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) metric(line string) string {
	r.t.Helper()
	resp, err := http.Get(r.run.Admin + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lines is a writer that can be read meanwhile.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func asJSON(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}
