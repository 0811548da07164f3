// Package handlers holds the samples of handlers to what their pages say: each
// is tested, built, run under weft up, and asked.
package handlers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cli"
)

// asWeft has this binary be the command weft.
const asWeft = "WEFT_SAMPLES_AS_WEFT"

func TestMain(m *testing.M) {
	if os.Getenv(asWeft) == "" {
		os.Exit(test(m))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, append([]string{"weft"}, os.Args[1:]...), cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// programs is the directory of the functions' programs. Engines have it one after
// another, so that the mesh runs what was built for the projects alone.
var programs string

func test(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weft-handlers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs = dir
	return m.Run()
}

// step asks a running project something.
type step struct {
	reason string
	// post and get are paths of the gateway; invoke and logs name a function; file
	// is one that an output writes.
	post, get, invoke, logs, file string
	// id is the claim's.
	id, body string
	// status of an answer of the gateway, 200 if it is 0.
	status int
	want   string
}

// project is a directory: the file that weft up is given, and what is asked.
type project struct {
	file  string
	steps []step
}

var projects = map[string]project{
	"nethttp": {"mesh.yaml", []step{
		{reason: "it answers the claim with the client's id", post: "/claims", id: "a", body: `{"who":"Ada","what":"train","amount":12,"currency":"EUR"}`, want: `"id":"a"`},
		{reason: "its own refusal reaches the client", post: "/claims", body: `{}`, status: http.StatusBadRequest, want: "a claim has"},
	}},
	"weft-program": {"mesh.yaml", []step{
		{reason: "the first payment", post: "/pay", body: `{"id":"a","euros":10}`, want: `"payment":1`},
		{reason: "another", post: "/pay", body: `{"id":"b","euros":10}`, want: `"payment":2`},
		{reason: "the first again", post: "/pay", body: `{"id":"a","euros":10}`, want: `"payment":1`},
	}},
	"weft-handler": {"mesh.yaml", []step{
		{reason: "a letter", post: "/letters", body: `{"id":"a","who":"Ada","what":"a yacht","reason":"it floats"}`, want: "Dear Ada, we do not pay for a yacht: it floats."},
	}},
	"functions-framework": {"mesh.yaml", []step{
		{reason: "HTTP", get: "/rates", want: `"JPY":160`},
		{reason: "Typed", post: "/convert", body: `{"amount":10,"currency":"USD"}`, want: `"euros":8`},
		{reason: "CloudEvent", invoke: "audit", body: `{"id":"a","to":"Ada"}`, want: "audit answered 2"},
		{reason: "what it wrote", logs: "audit", want: "a letter went out"},
	}},
	"func-handle": {"func.yaml", []step{
		{reason: "an event in, an event out", invoke: "check", body: `{"category":"meals","euros":61}`, want: "61.00 euros are more than 60.00 for meals"},
	}},
	"func-instance": {"func.yaml", []step{
		{reason: "a letter is kept", post: "/", body: `{"id":"a","to":"Ada","text":"hello"}`, status: http.StatusNoContent},
		{reason: "and found", get: "/?id=a", want: "hello"},
		{reason: "another is not", get: "/?id=b", status: http.StatusNotFound, want: "no letter"},
	}},
	"openfunction": {"function.yaml", []step{
		{reason: "what is to be paid goes to one output", post: "/", body: `{"id":"a","verdict":"pay"}`, want: "sent to pay"},
		{reason: "and is there", file: "pay/last.json", want: `"id":"a"`},
		{reason: "anything else goes to the other", post: "/", body: `{"id":"b","verdict":"refuse"}`, want: "sent to letter"},
		{reason: "and is there", file: "letter/last.json", want: `"id":"b"`},
	}},
	"openfunction-async": {"function.yaml", []step{
		{reason: "the clock publishes, the topic writes", file: "diary/today.json", want: `"text":"look through the claims"`},
	}},
	"command": {"mesh.yaml", []step{
		{reason: "it is started by its command", post: "/categorise", body: `{"what":"Lunch"}`, want: `"category":"meals"`},
	}},
}

// TestProjects runs each project alone.
func TestProjects(t *testing.T) {
	for dir, p := range projects {
		t.Run(dir, func(t *testing.T) {
			var folders []string
			for _, s := range p.steps {
				if s.file != "" {
					folders = append(folders, filepath.Dir(s.file))
				}
			}
			e := up(t, filepath.Join(dir, p.file), folders...)
			for _, s := range p.steps {
				if s.logs != "" || s.file != "" {
					e.eventually(s) // these follow the answer
					continue
				}
				e.ask(s)
			}
		})
	}
}

// TestMesh runs all of them as one mesh, and sends claims through it.
func TestMesh(t *testing.T) {
	e := up(t, "mesh.yaml")
	e.ask(step{reason: "a trip", post: "/claims", id: "trip", body: `{"who":"Ada","what":"train to Pisa","amount":150,"currency":"USD"}`, want: `"id":"trip"`})
	e.ask(step{reason: "too dear a meal", post: "/claims", id: "feast", body: `{"who":"Bob","what":"Dinner for one","amount":10000,"currency":"JPY"}`, want: `"id":"feast"`})
	e.ask(step{reason: "no rate", post: "/claims", id: "beads", body: `{"who":"Eve","what":"beads","amount":5,"currency":"shells"}`, want: `"id":"beads"`})
	e.eventually(step{reason: "it was paid", get: "/letters?id=trip", want: "Dear Ada, 120.00 euros for train to Pisa are on their way (payment 1)."})
	e.eventually(step{reason: "it was refused by func's function", get: "/letters?id=feast", want: "62.50 euros are more than 60.00 for meals"})
	e.eventually(step{reason: "it was refused by the framework's", get: "/letters?id=beads", want: "there is no rate for shells"})
	e.eventually(step{reason: "events reach the framework", logs: "audit", want: "claim=trip"})
}

// TestTests runs the projects' own tests: those with a go.mod are no part of
// this module.
func TestTests(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			if projects[entry.Name()].steps == nil {
				t.Errorf("%s is never run: give it steps", entry.Name())
			}
			if _, err := os.Stat(filepath.Join(entry.Name(), "go.mod")); err != nil {
				return // the module's own tests
			}
			for _, verb := range []string{"vet", "test"} {
				cmd := exec.Command("go", verb, "./...")
				cmd.Dir = entry.Name()
				cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("go %s: %v\n%s", verb, err, out)
				}
			}
		})
	}
}

// engine is a running weft up.
type engine struct {
	t    *testing.T
	data string
	http string
	mu   sync.Mutex
	said bytes.Buffer
}

// weft is the command with its arguments.
func weft(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asWeft+"=1")
	return cmd
}

// up starts a project's engine and waits until it takes traffic. Folders are the
// components whose files are to be in the engine's own directory.
func up(t *testing.T, file string, folders ...string) *engine {
	t.Helper()
	e := &engine{t: t, data: t.TempDir()}
	if err := os.Symlink(programs, filepath.Join(e.data, "bin")); err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(env, []byte("ARCHIVE="+filepath.Join(e.data, "letters.jsonl")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"up", "--file", file, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", e.data, "--env-file", env}
	for _, folder := range folders {
		args = append(args, "--set", "spec.components."+folder+".metadata[0].value="+filepath.Join(e.data, "outputs", folder))
	}
	cmd := weft(args...)
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the child has its own
	ready, ended := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- true
			}
			e.mu.Lock()
			e.said.WriteString(lines.Text() + "\n")
			e.mu.Unlock()
		}
		close(ready)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("weft up ended with %v", err)
		}
		if t.Failed() {
			t.Logf("weft up said:\n%s", e.output())
		}
	})
	if !<-ready {
		t.Fatal("weft up ended before it was ready")
	}
	run, err := adminapi.ReadRun(e.data)
	if err != nil {
		t.Fatal(err)
	}
	e.http = run.HTTP
	return e
}

func (e *engine) output() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.said.String()
}

// ask does a step once.
func (e *engine) ask(s step) {
	e.t.Helper()
	if got, ok := e.try(s); !ok {
		e.t.Errorf("%s: got %s, want %d with %q", s.reason, got, max(s.status, http.StatusOK), s.want)
	}
}

// eventually repeats a step until it gets what it wants: events take their time.
func (e *engine) eventually(s step) {
	e.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		got, ok := e.try(s)
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			e.t.Fatalf("%s: never %q, but %s", s.reason, s.want, got)
		}
	}
}

func (e *engine) try(s step) (got string, ok bool) {
	e.t.Helper()
	switch {
	case s.file != "":
		b, err := os.ReadFile(filepath.Join(e.data, "outputs", s.file))
		return string(b), err == nil && strings.Contains(string(b), s.want)
	case s.invoke != "":
		out, err := weft("invoke", s.invoke, "-d", s.body, "--data", e.data).CombinedOutput()
		return string(out), err == nil && strings.Contains(string(out), s.want)
	case s.logs != "":
		out, err := weft("logs", "--function", s.logs, "--data", e.data).CombinedOutput()
		return string(out), err == nil && strings.Contains(string(out), s.want)
	}
	method, path := http.MethodGet, s.get
	if s.post != "" {
		method, path = http.MethodPost, s.post
	}
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.http+path, strings.NewReader(s.body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.id != "" {
		req.Header.Set("Idempotency-Key", s.id)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error(), false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error(), false
	}
	return resp.Status + " " + string(body), resp.StatusCode == max(s.status, http.StatusOK) && strings.Contains(string(body), s.want)
}
