package cli_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cli"
)

var update = flag.Bool("update", false, "write what is printed into the scripts that compare it")

// TestMain makes this binary the programs of the scripts: weft itself, under
// each of its names, a client of HTTP, and functions with faults.
func TestMain(m *testing.M) {
	weft := func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args, cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		stop()
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){
		"weft":         weft,
		"kn-weft":      weft,
		"kubectl-weft": weft,
		"http":         httpMain,
		"faulty":       faultyMain,
		"eventually":   eventuallyMain,
		"exits":        exitsMain,
		"fakeengine":   fakeEngineMain,
		"smalldisk":    smallDiskMain,
		"fill":         fillMain,
		"reaches":      reachesMain,
		"registry":     registryMain,
		"pull":         pullMain,
		"login":        loginMain,
	})
}

// TestScripts runs a script per command.
func TestScripts(t *testing.T) { testscript.Run(t, params(t, filepath.Join("testdata", "script"))) }

// TestErrors runs a script per fault: what the user is told, where it is, what
// to do next, and the exit code.
func TestErrors(t *testing.T) {
	testscript.Run(t, params(t, filepath.Join("..", "..", "testdata", "errors")))
}

// waitLimit bounds how long a script waits for an engine, a state or a build.
const waitLimit = 20 * time.Second

func params(t *testing.T, dir string) testscript.Params {
	t.Helper()
	checkout, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	env := goEnv(t)
	return testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// The checkout for "weft new", the Go command's caches, and no
			// network: what is not in the caches is a fault of the test.
			e.Setenv("CHECKOUT", checkout)
			e.Setenv("WEFT", programs(e, "weft"))
			for k, v := range env {
				e.Setenv(k, v)
			}
			e.Setenv("GOPROXY", "off")
			e.Setenv("GOTOOLCHAIN", "local")
			e.Setenv("GOWORK", "off")
			e.Setenv("TZ", "UTC")
			e.Setenv("GOARCH", runtime.GOARCH)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("WEFT_HTTP", "127.0.0.1:0")
			e.Setenv("WEFT_ADMIN", "127.0.0.1:0")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "smalldisk":
				return canMount(), nil
			case "ci":
				return os.Getenv("CI") == "true", nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitready":    waitReady,
			"waitgone":     waitGone,
			"waitregistry": waitRegistry,
			"hold":         hold,
		},
	}
}

// waitGone waits until an engine has removed its run.json, which it does at its
// end:
//
//	waitgone
func waitGone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: waitgone")
	}
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(filepath.Join(".weft", adminapi.RunFile))); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the engine was still there after %s", waitLimit)
		}
	}
}

// programs returns the path of a program of TestMain's, for scripts that take
// PATH away.
func programs(e *testscript.Env, name string) string {
	for _, dir := range filepath.SplitList(e.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return name
}

// goEnv is what the Go command needs to find its caches although HOME is the
// script's.
func goEnv(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPATH", "GOROOT"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	values := strings.Split(string(out), "\n")
	env := make(map[string]string)
	for i, n := range names {
		env[n] = values[i]
	}
	delete(env, "GOROOT")
	env["PATH"] = filepath.Join(values[4], "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return env
}

// waitReady waits until an engine has written its run.json, which it does when
// the mesh takes traffic, and sets $HTTP, $ADMIN and $PID:
//
//	waitready [DATA]
func waitReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: waitready [data directory]")
	}
	dir := ".weft"
	if len(args) == 1 {
		dir = args[0]
	}
	deadline := time.Now().Add(waitLimit)
	for {
		run, err := adminapi.ReadRun(ts.MkAbs(dir))
		if err == nil {
			ts.Setenv("HTTP", run.HTTP)
			ts.Setenv("ADMIN", run.Admin)
			ts.Setenv("PID", strconv.Itoa(run.PID))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no engine was ready within %s: %v", waitLimit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
