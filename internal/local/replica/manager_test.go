package replica

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

func TestColdAndWarm(t *testing.T) {
	r := newRig(t, setup{})
	if s := r.Status(r.f()); s.State != "zero" {
		t.Errorf("state before the first call is %q", s.State)
	}
	e, err := r.Acquire(context.Background(), r.f())
	if err != nil {
		t.Fatal(err)
	}
	if e.ColdStart <= 0 {
		t.Error("the first call waited for no process")
	}
	s := r.Status(r.f())
	if s.State != "ready" || len(s.Replicas) != 1 || s.InFlight != 1 || s.Replicas[0].PID == 0 || s.Replicas[0].MemoryMB <= 0 || s.ColdStarts != 1 || s.Revision != "test-f-00001" {
		t.Errorf("status %+v", s)
	}
	if _, err := request(context.Background(), e, "/version"); err != nil {
		t.Fatal(err)
	}
	e, err = r.Acquire(context.Background(), r.f())
	if err != nil {
		t.Fatal(err)
	}
	if e.ColdStart != 0 {
		t.Error("the second call is cold")
	}
	e.Release(false)
	e.Release(false)
	if s := r.Status(r.f()); s.InFlight != 0 {
		t.Errorf("%d calls in flight after one was released twice", s.InFlight)
	}
	ready := r.await(KindReady, 1)
	if ready.Spawn <= 0 || ready.Listen <= 0 || ready.Ready <= 0 {
		t.Errorf("phases %+v", ready)
	}
}

// TestTells: a process that says that it is ready is not asked until it agrees.
func TestTells(t *testing.T) {
	r := newRig(t, setup{modes: map[string]string{"f": "tells"}})
	if got := r.mustCall(r.f(), "/version"); got != "1" {
		t.Errorf("answer %q", got)
	}
	if ready := r.await(KindReady, 1); ready.Listen <= 0 {
		t.Errorf("phases %+v", ready)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SHELL", "x")
	t.Setenv("TZ", "UTC")
	dir := t.TempDir()
	r := newRig(t, setup{opts: Options{
		Dir:  dir,
		Env:  func(*mesh.Function) ([]string, error) { return []string{"A=1", "PORT=1", "A=2"}, nil },
		Sink: func(f *mesh.Function) string { return "http://127.0.0.1:1/sink/token-of-" + f.Name },
	}})
	e, err := r.Acquire(context.Background(), r.f())
	if err != nil {
		t.Fatal(err)
	}
	if e.Token != "token-of-f" {
		t.Errorf("token %q", e.Token)
	}
	body, err := request(context.Background(), e, "/env")
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(body, "\n")
	for _, want := range []string{
		"A=2", "TZ=UTC", "K_SERVICE=test-f", "K_REVISION=test-f-00001", "K_CONFIGURATION=test-f", "FUNCTION_TARGET=f",
		"WEFT_TIMEOUT=10s", "K_SINK=http://127.0.0.1:1/sink/token-of-f", "PORT=" + e.URL[strings.LastIndex(e.URL, ":")+1:],
	} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %v", want, env)
		}
	}
	for _, no := range []string{"A=1", "PORT=1", "SECRET_OF_THE_SHELL=x"} {
		if slices.Contains(env, no) {
			t.Errorf("%s is in the environment", no)
		}
	}
	want, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.mustCall(r.f(), "/dir"); got != want {
		t.Errorf("working directory %s, want %s", got, want)
	}
}

func TestFailures(t *testing.T) {
	cases := map[string]struct {
		reason string
		mode   string
		code   Code
		opts   Options
		want   []string
	}{
		"Exits":      {reason: "its exit and last lines are told", mode: "exits", want: []string{"exits at start", "exit status 3", "no configuration found"}},
		"Deaf":       {reason: "it never listens", mode: "deaf", opts: Options{StartTimeout: 50 * time.Millisecond, Grace: time.Millisecond}, want: []string{"not ready within 50ms", "PORT", "does not listen", "deaf"}},
		"Garbage":    {reason: "what listens is no HTTP server", mode: "garbage", opts: Options{StartTimeout: 50 * time.Millisecond, Grace: time.Millisecond}, want: []string{"not ready within", "does not answer HTTP"}},
		"NoProgram":  {reason: "the program is not there", code: Code{Command: []string{"no-such-program-at-all"}}, want: []string{"no-such-program-at-all"}},
		"NoFile":     {reason: "the file is not there", code: Code{Command: []string{"./nowhere"}}, want: []string{"cannot run ./nowhere: there is no such program"}},
		"NoEnv":      {reason: "a secret is missing", opts: Options{Env: func(*mesh.Function) ([]string, error) { return nil, errors.New("secret mail has no key password") }}, want: []string{"secret mail has no key password"}},
		"UrlRefused": {reason: "nothing listens at the url", code: Code{URL: "http://127.0.0.1:1"}, want: []string{"http://127.0.0.1:1", "refused", "start the server"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, setup{opts: tc.opts, modes: map[string]string{"f": tc.mode}, noCode: true})
			if tc.code.Command == nil && tc.code.URL == "" {
				tc.code.Binary = binaries[0]
			}
			if err := r.SetCode(context.Background(), r.f(), tc.code); err != nil {
				t.Fatal(err)
			}
			_, err := r.Acquire(context.Background(), r.f())
			u := unavailable(t, err, append(tc.want, "function f")...)
			if u.RetryAfter <= 0 {
				t.Errorf("%s: no time to try again", tc.reason)
			}
			s := r.Status(r.f())
			if s.State != "failed" || s.Reason != u.Reason {
				t.Errorf("%s: state %s (%s)", tc.reason, s.State, s.Reason)
			}
			r.await(KindFailed, 1)
			// Within the backoff the answer comes at once, with no start.
			starts := r.count(KindStarting)
			if _, err := r.Acquire(context.Background(), r.f()); err == nil {
				t.Errorf("%s: the second call got a place", tc.reason)
			}
			if n := r.count(KindStarting); n > starts+1 {
				t.Errorf("%s: %d more starts", tc.reason, n-starts)
			}
			// New code wipes the slate.
			if err := r.SetCode(context.Background(), r.f(), Code{Command: []string{"env", "MODE=", binaries[1]}}); err != nil {
				t.Fatal(err)
			}
			// With so short a time to start in, a good one may fail as well.
			if tc.opts.Env == nil && tc.opts.StartTimeout == 0 {
				if got := r.mustCall(r.f(), "/version"); got != "2" {
					t.Errorf("%s: the mended function answers %q", tc.reason, got)
				}
			}
		})
	}
}

func TestStartIsTriedAgain(t *testing.T) {
	r := newRig(t, setup{modes: map[string]string{"f": "once"}, opts: Options{
		Env: func(*mesh.Function) ([]string, error) { return []string{"ONCE=once"}, nil },
	}})
	if got := r.mustCall(r.f(), "/version"); got != "1" {
		t.Errorf("got %q", got)
	}
	if e := r.await(KindExited, 1); e.Err == nil || !strings.Contains(e.Err.Error(), "not yet") {
		t.Errorf("the first start ended with %v", e.Err)
	}
}

func TestCodeStates(t *testing.T) {
	r := newRig(t, setup{noCode: true})
	if s := r.Status(r.f()); s.State != "building" {
		t.Errorf("state %q without code", s.State)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() {
		_, err := r.Acquire(ctx, r.f())
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a call given up while waiting for code: %v", err)
	}
	go func() {
		_, err := r.Acquire(context.Background(), r.f())
		result <- err
	}()
	r.SetFailed(r.f(), "does not build: main.go:3:1: oops")
	unavailable(t, <-result, "does not build: main.go:3:1: oops")
	if s := r.Status(r.f()); s.State != "failed" || !strings.Contains(s.Reason, "oops") {
		t.Errorf("state %q (%s)", s.State, s.Reason)
	}
	r.SetBuilding(r.f())
	go func() {
		_, err := r.call(r.f(), "/version")
		result <- err
	}()
	if err := r.SetCode(context.Background(), r.f(), Code{Binary: binaries[0]}); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	r.SetFailed(r.f(), "does not build any more")
	if got := r.mustCall(r.f(), "/version"); got != "1" {
		t.Errorf("with a failed build the revision before answers %q", got)
	}
	if s := r.Status(r.f()); s.State != "ready" || s.Reason != "does not build any more" {
		t.Errorf("state %q (%s)", s.State, s.Reason)
	}
	if err := r.SetCode(context.Background(), r.f(), Code{Source: "x"}); err == nil {
		t.Error("a source directory is taken as code")
	}
}

func TestConcurrencyAndLine(t *testing.T) {
	r := newRig(t, setup{opts: Options{MaxReplicas: 1}, adjust: func(f *mesh.Function) { f.Concurrency = 1 }})
	first, answer := r.hang(r.f(), "a")
	ctx, cancel := context.WithCancel(context.Background())
	type got struct {
		n   int
		err error
	}
	results := make(chan got)
	var calls sync.WaitGroup
	begin := func(n int, ctx context.Context) {
		queued := r.Status(r.f()).Queued
		calls.Go(func() {
			e, err := r.Acquire(ctx, r.f())
			results <- got{n, err}
			if err == nil {
				e.Release(false)
			}
		})
		for r.Status(r.f()).Queued == queued {
			runtime.Gosched() // the line tells nobody of its length
		}
	}
	begin(1, context.Background())
	begin(2, ctx)
	begin(3, context.Background())
	cancel()
	if g := <-results; g.n != 2 || !errors.Is(g.err, context.Canceled) {
		t.Errorf("the one that gave up: %+v", g)
	}
	r.free(first, "a")
	<-answer
	for _, want := range []int{1, 3} {
		if g := <-results; g.n != want || g.err != nil {
			t.Errorf("got %+v, want call %d: first come, first served", g, want)
		}
	}
	calls.Wait()
	if s := r.Status(r.f()); s.Queued != 0 || s.InFlight != 0 || len(s.Replicas) != 1 {
		t.Errorf("status after all: %+v", s)
	}
}

func TestScaleOutWhenCrowded(t *testing.T) {
	r := newRig(t, setup{adjust: func(f *mesh.Function) { f.Concurrency = 1 }})
	a, answerA := r.hang(r.f(), "a")
	b, answerB := r.hang(r.f(), "b")
	if a.URL == b.URL {
		t.Error("two calls are on a replica with one place")
	}
	r.free(a, "a")
	r.free(b, "b")
	<-answerA
	<-answerB
}

func TestLeastLoaded(t *testing.T) {
	r := newRig(t, setup{adjust: func(f *mesh.Function) { f.Scaling.Min = 2 }})
	if err := r.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	urls := make(map[string]int)
	var es []delivery.Endpoint
	for range 10 {
		e, err := r.Acquire(context.Background(), r.f())
		if err != nil {
			t.Fatal(err)
		}
		urls[e.URL]++
		es = append(es, e)
	}
	for url, n := range urls {
		if n != 5 {
			t.Errorf("%s has %d of 10 calls", url, n)
		}
	}
	for _, e := range es {
		e.Release(false)
	}
}

func TestIdleGoesToZero(t *testing.T) {
	r := newRig(t, setup{opts: Options{Idle: time.Millisecond}})
	r.mustCall(r.f(), "/version")
	r.await(KindZero, 1)
	if s := r.Status(r.f()); s.State != "zero" || len(s.Replicas) != 0 {
		t.Errorf("status %+v", s)
	}
	if e := r.await(KindExited, 1); e.Err != nil {
		t.Errorf("ending an idle process is told as %v", e.Err)
	}
	r.mustCall(r.f(), "/version")
	if s := r.Status(r.f()); s.ColdStarts != 2 {
		t.Errorf("%d cold starts", s.ColdStarts)
	}
}

func TestPrewarm(t *testing.T) {
	r := newRig(t, setup{})
	for range 3 {
		r.Prewarm(r.f())
	}
	r.await(KindReady, 1)
	e, err := r.Acquire(context.Background(), r.f())
	if err != nil {
		t.Fatal(err)
	}
	e.Release(false)
	if e.ColdStart != 0 || r.count(KindStarting) != 1 {
		t.Errorf("cold start %s, %d starts", e.ColdStart, r.count(KindStarting))
	}
}

func TestCrash(t *testing.T) {
	r := newRig(t, setup{})
	r.mustCall(r.f(), "/version")
	if _, err := r.call(r.f(), "/crash"); err == nil {
		t.Error("the call that crashed its process did not break")
	}
	// A crash out of good work is made up for at once.
	if got := r.mustCall(r.f(), "/version"); got != "1" {
		t.Errorf("got %q", got)
	}
	if e := r.await(KindExited, 1); e.Err == nil || !strings.Contains(e.Err.Error(), "exit status 7") || !strings.Contains(e.Err.Error(), "crashing as told") {
		t.Errorf("the crash is told as %v", e.Err)
	}
	if s := r.Status(r.f()); len(s.Replicas) != 1 || s.Replicas[0].Restarts != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestCrashLoop(t *testing.T) {
	r := newRig(t, setup{})
	// Each process crashes at its first call: the pauses grow, until callers
	// are told.
	for range hopeless {
		if _, err := r.call(r.f(), "/crash"); err == nil {
			t.Fatal("no crash")
		}
		r.await(KindExited, r.count(KindStarting))
	}
	_, err := r.Acquire(context.Background(), r.f())
	unavailable(t, err, "crashed", "exit status 7")
}

func TestMinReplicas(t *testing.T) {
	r := newRig(t, setup{opts: Options{Idle: time.Millisecond}, adjust: func(f *mesh.Function) { f.Scaling.Min = 1 }})
	if err := r.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.mustCall(r.f(), "/version")
	if _, err := r.call(r.f(), "/crash"); err == nil {
		t.Error("no crash")
	}
	r.await(KindReady, 2)
	if n := r.count(KindDraining); n > 0 {
		t.Errorf("%d replicas of one that must run were drained", n)
	}
}

func TestReplace(t *testing.T) {
	r := newRig(t, setup{})
	r.mustCall(r.f(), "/version")
	old, answer := r.hang(r.f(), "old")

	// Calls go on all the time; none may fail.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := r.call(r.f(), "/version"); err != nil {
					t.Errorf("a call during the replacement: %v", err)
				}
			}
		})
	}
	if err := r.SetCode(context.Background(), r.f(), Code{Binary: binaries[1]}); err != nil {
		t.Fatal(err)
	}
	if got := r.mustCall(r.f(), "/version"); got != "2" {
		t.Errorf("after the replacement version %s answers", got)
	}
	close(stop)
	wg.Wait()
	if s := r.Status(r.f()); s.Revision != "test-f-00002" || len(s.Replicas) != 2 {
		t.Errorf("status %+v", s)
	}
	if err := r.SetCode(context.Background(), r.f(), Code{Binary: binaries[1]}); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(r.f()); s.Revision != "test-f-00002" {
		t.Errorf("the same code is a new revision %s", s.Revision)
	}
	r.free(old, "old")
	if got := <-answer; got != "freed 1" {
		t.Errorf("the call in flight on the old revision got %q", got)
	}
	if e := r.await(KindExited, 1); e.Revision != "test-f-00001" || e.Err != nil {
		t.Errorf("exit of the old revision: %+v", e)
	}
}

func TestReplaceFails(t *testing.T) {
	r := newRig(t, setup{})
	r.mustCall(r.f(), "/version")
	err := r.SetCode(context.Background(), r.f(), Code{Command: []string{"env", "MODE=exits", binaries[1]}})
	unavailable(t, err, "exit status 3", "no configuration found")
	if got := r.mustCall(r.f(), "/version"); got != "1" {
		t.Errorf("the old revision is gone: version %s", got)
	}
	if s := r.Status(r.f()); s.State != "ready" || s.Revision != "test-f-00001" {
		t.Errorf("status %+v", s)
	}
}

func TestZero(t *testing.T) {
	r := newRig(t, setup{names: []string{"f", "g"}})
	r.mustCall(r.plan.Functions[0], "/version")
	r.mustCall(r.plan.Functions[1], "/version")
	if err := r.Zero(context.Background(), r.plan.Functions[0]); err != nil {
		t.Fatal(err)
	}
	if n := len(r.PIDs()); n != 1 {
		t.Errorf("%d processes, want that of the other function", n)
	}
	if err := r.Zero(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.PIDs()); n != 0 {
		t.Errorf("%d processes", n)
	}
	r.mustCall(r.f(), "/version")
}

func TestStop(t *testing.T) {
	r := newRig(t, setup{names: []string{"f", "stubborn"}, modes: map[string]string{"stubborn": "stubborn"}, opts: Options{Grace: time.Millisecond}})
	r.mustCall(r.plan.Functions[1], "/version")
	e, answer := r.hang(r.f(), "a")
	stopped := make(chan error)
	go func() { stopped <- r.Stop(context.Background()) }()
	r.await(KindExited, 1) // the stubborn one, by SIGKILL
	_, err := r.Acquire(context.Background(), r.f())
	if !errors.Is(err, errStopped) {
		t.Errorf("a call while stopping: %v", err)
	}
	r.free(e, "a")
	if got := <-answer; got != "freed 1" {
		t.Errorf("the call in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if pids := r.PIDs(); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
}

func TestAttached(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("attached")) }))
	r := newRig(t, setup{noCode: true, adjust: func(f *mesh.Function) { f.Spec.URL, f.Scaling.Min = server.URL, 1 }})
	if got := r.mustCall(r.f(), "/"); got != "attached" {
		t.Errorf("got %q", got)
	}
	if s := r.Status(r.f()); s.State != "attached" || len(r.PIDs()) > 0 {
		t.Errorf("status %+v", s)
	}
	server.Close()
	if _, err := r.call(r.f(), "/"); err == nil {
		t.Error("a call of a closed server succeeded")
	}
	_, err := r.Acquire(context.Background(), r.f())
	unavailable(t, err, server.URL)
	r.await(KindFailed, 1)
}

func TestDebuggerMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GOBIN", "")
	t.Setenv("GOPATH", "")
	r := newRig(t, setup{opts: Options{Debug: []string{"f"}}})
	r.await(KindFailed, 1)
	_, err := r.Acquire(context.Background(), r.f())
	unavailable(t, err, installDelve)
	if !r.Debugging(r.f()) {
		t.Error("f is not told as debugged")
	}
	if _, err := New(Options{Plan: r.plan, Dir: "x", Data: t.TempDir(), Debug: []string{"nobody"}}); err == nil {
		t.Error("an unknown function can be debugged")
	}
}

// TestDebug has a script stand in for the debugger: it says that it listens,
// and runs the function as if someone had connected and continued.
func TestDebug(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"API server listening at: ${5#--listen=}\"\necho \"$1 $2 $3 $4\"\nexec \"$6\"\n"
	if err := os.WriteFile(filepath.Join(bin, "dlv"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	r := newRig(t, setup{opts: Options{Debug: []string{"f"}, Idle: time.Millisecond}})
	d := r.await(KindDebugging, 1)
	if !strings.HasPrefix(d.Address, "127.0.0.1:") || d.PID == 0 {
		t.Errorf("a debugger is to connect to %q of process %d", d.Address, d.PID)
	}
	e, err := r.Acquire(context.Background(), r.f())
	if err != nil {
		t.Fatal(err)
	}
	if !e.NoTimeout {
		t.Error("calls of a function in the debugger have a timeout")
	}
	body, err := request(context.Background(), e, "/env")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body, "WEFT_TIMEOUT") {
		t.Error("the function itself has a timeout")
	}
	r.until("the debugger's arguments", func() bool {
		return slices.Contains(r.lines, "exec --headless --accept-multiclient --api-version=2")
	})
	if s := r.Status(r.f()); s.State != "debugging" || s.Min != 1 || s.Max != 1 {
		t.Errorf("status %+v", s)
	}
	// New code ends the debugger and starts another.
	if err := r.SetCode(context.Background(), r.f(), Code{Binary: binaries[1]}); err != nil {
		t.Fatal(err)
	}
	if got := r.mustCall(r.f(), "/version"); got != "2" {
		t.Errorf("after a change version %s answers", got)
	}
}

func TestLocate(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"functions/f", "other"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		reason string
		adjust func(f *mesh.Function)
		want   Code
		err    []string
	}{
		"URL":     {"url comes first", func(f *mesh.Function) { f.Spec.URL, f.Spec.Command = "http://x", []string{"y"} }, Code{URL: "http://x"}, nil},
		"Command": {"then command", func(f *mesh.Function) { f.Spec.Command, f.Spec.Source = []string{"sh", "-c"}, "other" }, Code{Command: []string{"sh", "-c"}}, nil},
		"Missing": {"a command that is not there is an error at the start, not at the first call", func(f *mesh.Function) { f.Spec.Command = []string{"no-such-program"} }, Code{}, []string{"no-such-program", "PATH"}},
		"Source":  {"then source", func(f *mesh.Function) { f.Spec.Source = "./other" }, Code{Source: filepath.Join(root, "other")}, nil},
		"Default": {"then the directory of its name", func(*mesh.Function) {}, Code{Source: filepath.Join(root, "functions/f")}, nil},
		"None":    {"the error names all four", func(f *mesh.Function) { f.KubeName = "g" }, Code{}, []string{"url", "command", "source", "./functions/g"}},
		"Absent":  {"a source that is not there is an error, whatever else is", func(f *mesh.Function) { f.Spec.Source = "./gone" }, Code{}, []string{"url", "command", "./gone", "./functions/f"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newPlan("f").Functions[0]
			tc.adjust(f)
			got, err := Locate(root, f)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if (err != nil) != (tc.err != nil) {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			for _, w := range tc.err {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: %q does not name %q", tc.reason, err, w)
				}
			}
		})
	}
}
