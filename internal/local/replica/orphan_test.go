package replica

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/mesh"
)

// helperEnv has the test binary run as an engine: its value is the data
// directory.
const helperEnv = "WEFT_REPLICA_TEST_DATA"

// helper starts a function that starts another process, prints what they
// print, and waits to be killed.
func helper() {
	plan := newPlan("f")
	m, err := New(Options{
		Plan: plan, Dir: ".", Data: os.Getenv(helperEnv), Logger: slog.New(slog.DiscardHandler),
		Env:    func(*mesh.Function) ([]string, error) { return []string{"MODE=parent"}, nil },
		Output: func(_ *mesh.Function, _ int, line []byte) { _, _ = os.Stdout.Write(append(line, '\n')) },
	})
	if err != nil {
		panic(err)
	}
	if err := m.SetCode(context.Background(), plan.Functions[0], Code{Binary: os.Getenv("WEFT_REPLICA_TEST_BINARY")}); err != nil {
		panic(err)
	}
	if _, err := m.Acquire(context.Background(), plan.Functions[0]); err != nil {
		panic(err)
	}
	select {}
}

// TestKilledEngineLeavesNoOrphans kills an engine with SIGKILL. The kernel
// ends its function, and the next engine on the data directory what that had
// started.
func TestKilledEngineLeavesNoOrphans(t *testing.T) {
	linuxOnly(t, "the parent-death signal")
	data := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+data, "WEFT_REPLICA_TEST_BINARY="+binaries[0])
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for s := bufio.NewScanner(out); len(conns) < 2 && s.Scan(); {
		if address, ok := strings.CutPrefix(s.Text(), "listening at "); ok {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	if len(conns) != 2 {
		t.Fatal("the function and its child do not listen")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	// The connection of a process that is gone ends. Which of the two is the
	// function's is not known: after the next engine's start both are.
	m, err := New(Options{Plan: newPlan("f"), Dir: ".", Data: data, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil && os.IsTimeout(err) {
			t.Errorf("%s is still there", conn.RemoteAddr())
		}
		_ = conn.Close()
	}
	if err := m.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestLeftoversAreNotTakenForOthers has a ledger name this very process with
// another start time, and with its own but another service.
func TestLeftoversAreNotTakenForOthers(t *testing.T) {
	linuxOnly(t, "the environment of a process")
	pid := os.Getpid()
	if leftOver(pid, "1", "test-f") {
		t.Error("another start time is another process")
	}
	if leftOver(pid, startTime(pid), "test-f") {
		t.Error("a process without the service's environment is taken for one of it")
	}
}
