package fn_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
)

// asFunction makes the test binary a function's program, so that what is
// tested is a process.
const asFunction = "WEFT_TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}
	fn.Typed("greetUser", func(ctx context.Context, name string) (string, error) {
		fn.Logger(ctx).Debug("greeting")
		return "hello " + name, nil
	})
	// wait answers once its input ends.
	fn.HTTP("wait", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fn.Logger(r.Context()).Info("waiting")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_, _ = io.WriteString(w, "waited")
	}))
	fn.Main()
	fmt.Println("main returned")
}

// process is a function's process.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *strings.Builder
	lines  *bufio.Scanner
	all    strings.Builder
}

func start(t *testing.T, env ...string) *process {
	t.Helper()
	p := prepare(t, env...)
	p.start()
	return p
}

func prepare(t *testing.T, env ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), stdout: &strings.Builder{}}
	p.cmd.Env = append([]string{asFunction + "=1", "PORT=0", "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout = p.stdout
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(stderr)
	return p
}

func (p *process) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
	})
}

// line returns the next log line with that message.
func (p *process) line(msg string) map[string]any {
	p.t.Helper()
	for p.lines.Scan() {
		p.all.WriteString(p.lines.Text() + "\n")
		fields := map[string]any{}
		if json.Unmarshal(p.lines.Bytes(), &fields) == nil && fields["msg"] == msg {
			return fields
		}
	}
	p.t.Fatalf("the function ended without logging %q:\n%s", msg, p.all.String())
	return nil
}

func (p *process) address() string {
	p.t.Helper()
	return p.line("serving")["address"].(string)
}

// wait returns the exit code and all that was logged.
func (p *process) wait() (int, string) {
	p.t.Helper()
	for p.lines.Scan() {
		p.all.WriteString(p.lines.Text() + "\n")
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), p.all.String()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func TestMainServes(t *testing.T) {
	p := start(t, "FUNCTION_TARGET=greet-user", "LOG_LEVEL=debug")
	url := p.address()
	h2c := &http.Protocols{}
	h2c.SetUnencryptedHTTP2(true)
	for proto, client := range map[string]*http.Client{"HTTP/1.1": {Transport: &http.Transport{}}, "HTTP/2.0": {Transport: &http.Transport{Protocols: h2c}}} {
		resp, err := client.Post(url, "application/json", strings.NewReader(`"you"`))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.Proto != proto || string(body) != `"hello you"` {
			t.Errorf("%s: answer %s %s", proto, resp.Proto, body)
		}
		client.CloseIdleConnections()
	}
	if line := p.line("greeting"); line["function"] != "greetUser" || line["level"] != "DEBUG" || line["trace_id"] == "" {
		t.Errorf("log line %v", line)
	}
	p.signal(syscall.SIGTERM)
	if code, log := p.wait(); code != 0 || !strings.Contains(p.stdout.String(), "main returned") {
		t.Errorf("exit %d, stdout %q, log:\n%s", code, p.stdout, log)
	}
}

// TestMainTells: whoever gave the function a pipe is told when it takes calls,
// and what is no pipe is left alone.
func TestMainTells(t *testing.T) {
	ready, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ready.Close() }()
	p := prepare(t, "WEFT_READY_FD=3")
	p.cmd.ExtraFiles = []*os.File{tell}
	p.start()
	_ = tell.Close()
	told, err := io.ReadAll(ready) // the function closes its end
	if err != nil || len(told) != 1 {
		t.Errorf("told %q, %v", told, err)
	}
	for _, fd := range []string{"3", "4", "5", "6", "7", "99", "0", "x"} {
		p := start(t, "FUNCTION_TARGET=greet-user", "WEFT_READY_FD="+fd)
		resp, err := http.Post(p.address(), "application/json", strings.NewReader(`"you"`))
		if err != nil {
			t.Fatalf("with %s: %v", fd, err)
		}
		_ = resp.Body.Close()
	}
}

func TestMainDrains(t *testing.T) {
	p := start(t, "FUNCTION_TARGET=wait")
	url := p.address()
	type result struct {
		body string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			done <- result{"", err}
			return
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		done <- result{string(body), err}
	}()
	p.line("waiting")
	p.signal(syscall.SIGTERM)
	refused(t, strings.TrimPrefix(url, "http://"))
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.err != nil || got.body != "waited" {
		t.Errorf("the call under way got %q, %v", got.body, got.err)
	}
	if code, log := p.wait(); code != 0 {
		t.Errorf("exit %d:\n%s", code, log)
	}
}

// refused waits until nothing listens at addr.
func refused(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("the function still accepts connections")
}

func TestMainCutsOff(t *testing.T) {
	p := start(t, "FUNCTION_TARGET=wait", "WEFT_GRACE=10ms")
	url := p.address()
	go func() {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
		}
	}()
	p.line("waiting")
	p.signal(syscall.SIGINT)
	if code, log := p.wait(); code != 1 || !strings.Contains(log, "calls still ran 10ms after the stop and were cut off") {
		t.Errorf("exit %d:\n%s", code, log)
	}
}

func TestMainFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	cases := map[string]struct {
		reason string
		env    []string
		err    string
	}{
		"target":  {"an unknown target names those there are", []string{"FUNCTION_TARGET=greetUsers"}, `no function is registered as "greetUsers", which FUNCTION_TARGET asks for; there are greetUser, wait`},
		"port":    {"a port in use says so", []string{"PORT=" + port, "K_SINK=http://127.0.0.1:1/sink/s3cret"}, "127.0.0.1:" + port + " is in use by another program: set PORT"},
		"no port": {"a port is a number", []string{"PORT=http!"}, "PORT: "},
		"timeout": {"a timeout is a duration", []string{"WEFT_TIMEOUT=soon"}, `WEFT_TIMEOUT="soon" is not a duration`},
		"sink":    {"a sink is a URL", []string{"K_SINK=s3cret"}, "K_SINK is not an http or https URL"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			code, log := start(t, tc.env...).wait()
			if code != 1 || !strings.Contains(log, tc.err) || strings.Contains(log, "s3cret") {
				t.Errorf("%s: exit %d, log %q; want %q", tc.reason, code, log, tc.err)
			}
		})
	}
}

func TestMainListens(t *testing.T) {
	cases := map[string]struct {
		reason string
		sink   string
		want   string
	}{
		"local engine": {"an engine on this machine keeps functions to it", "http://127.0.0.1:4711/sink/t", "http://127.0.0.1:"},
		"elsewhere":    {"in a container all interfaces are served", "http://front.default.svc/sink/t", "http://[::]:"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := start(t, "K_SINK="+tc.sink)
			if got := p.address(); !strings.HasPrefix(got, tc.want) && !strings.HasPrefix(got, strings.Replace(tc.want, "[::]", "0.0.0.0", 1)) {
				t.Errorf("%s: address %s", tc.reason, got)
			}
		})
	}
}

func TestMainWarnsOfLogLevel(t *testing.T) {
	p := start(t, "LOG_LEVEL=loud")
	if line := p.line("unknown log level: use debug, info, warn or error"); line["level"] != "WARN" || line["value"] != "loud" {
		t.Errorf("log line %v", line)
	}
}
