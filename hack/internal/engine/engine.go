//go:build unix

// Package engine runs bin/weft up on a copy of a sample, as a child process,
// for benchmarks and fault proofs.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

// Engine is a running weft up.
type Engine struct {
	// Dir of the mesh file; the data directory is .weft in it.
	Dir string
	// Client of its admin API.
	Client *adminapi.Client
	// Run is its run.json.
	Run adminapi.Run
	// ReadyAfter is the time from starting the process until it said that
	// the mesh takes traffic.
	ReadyAfter time.Duration

	cmd    *exec.Cmd
	output *tail
	exited chan struct{}
	err    error
}

// Config of an engine. Bin and Dir are required.
type Config struct {
	// Bin is the weft command, Dir the directory of mesh.yaml.
	Bin, Dir string
	// HTTP is the address of the gateway; a free port if "".
	HTTP string
	// Args come after those that Start gives.
	Args []string
	// Env is added to this process's environment.
	Env []string
	// ReadyWithin bounds the start, builds included; 5 minutes if 0.
	ReadyWithin time.Duration
}

const poll = 2 * time.Millisecond

// Start starts an engine and waits until it takes traffic. Stop must be called
// if there is no error.
func Start(ctx context.Context, c Config) (*Engine, error) {
	addr := c.HTTP
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	args := append([]string{"up", "--file", "mesh.yaml", "--http", addr, "--admin", "127.0.0.1:0"}, c.Args...)
	e := &Engine{Dir: c.Dir, cmd: exec.Command(c.Bin, args...), output: &tail{}, exited: make(chan struct{})}
	e.cmd.Dir, e.cmd.Stdout, e.cmd.Stderr = c.Dir, e.output, e.output
	e.cmd.Env = append(os.Environ(), c.Env...)
	// A run.json of an engine that was killed must not be taken for this one's.
	data := filepath.Join(c.Dir, ".weft")
	if err := os.Remove(filepath.Join(data, adminapi.RunFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	started := time.Now()
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w; make build builds it", c.Bin, err)
	}
	go func() {
		e.err = e.cmd.Wait()
		close(e.exited)
	}()
	within := c.ReadyWithin
	if within == 0 {
		within = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := e.await(ctx, data); err != nil {
		e.Kill()
		return nil, err
	}
	e.ReadyAfter = time.Since(started)
	return e, nil
}

func (e *Engine) await(ctx context.Context, data string) error {
	for {
		if c, err := adminapi.Open(data); err == nil {
			if s, err := c.Status(ctx); err == nil && s.Ready {
				e.Client, e.Run = c, c.Run()
				return nil
			}
		}
		select {
		case <-e.exited:
			return fmt.Errorf("weft up ended before it was ready: %w\n%s", e.err, e.output)
		case <-ctx.Done():
			return fmt.Errorf("weft up is not ready: %w\n%s", ctx.Err(), e.output)
		case <-time.After(poll):
		}
	}
}

// PID of the process.
func (e *Engine) PID() int { return e.cmd.Process.Pid }

// Addr of the gateway, host:port.
func (e *Engine) Addr() string { return strings.TrimPrefix(e.Run.HTTP, "http://") }

// Output is the end of what the engine has printed.
func (e *Engine) Output() string { return e.output.String() }

// Exited is closed when the process has ended.
func (e *Engine) Exited() <-chan struct{} { return e.exited }

// Stop drains the engine and waits for its end; after a minute it is killed.
func (e *Engine) Stop() error {
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-e.exited:
		if e.err != nil {
			return fmt.Errorf("weft up: %w\n%s", e.err, e.output)
		}
		return nil
	case <-time.After(time.Minute):
		e.Kill()
		return fmt.Errorf("weft up did not drain within a minute\n%s", e.output)
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (e *Engine) Kill() {
	_ = e.cmd.Process.Kill() // done already is as good
	<-e.exited
}

// Zero drains a function to no replicas, as idleness would, and returns when
// there are none.
func (e *Engine) Zero(ctx context.Context, function string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		e.Run.Admin+"/api/v1/functions/"+url.PathEscape(function)+"/zero", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+e.Run.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s", req.URL, resp.Status)
	}
	for {
		s, err := e.Client.Status(ctx)
		if err != nil {
			return err
		}
		for _, f := range s.Functions {
			if f.Name == function && len(f.Replicas) == 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
