package replica

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

// command is how a process is started.
type command struct {
	argv, env []string
	// debugger is the address for a debugger, "" for none.
	debugger string
}

// command works out how a revision is started to listen at address.
func (p *pool) command(rev *revision, address string) (command, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return command{}, err
	}
	env := append(processors(p.f), inherited(os.Environ())...)
	if p.m.opts.Env != nil {
		more, err := p.m.opts.Env(p.f)
		if err != nil {
			return command{}, fmt.Errorf("its environment cannot be made up: %w", err)
		}
		env = append(env, more...)
	}
	env = append(env,
		contract.EnvPort+"="+port,
		contract.EnvService+"="+p.f.Service,
		contract.EnvRevision+"="+rev.name,
		contract.EnvConfiguration+"="+p.f.Service,
		contract.EnvTarget+"="+p.f.Name,
	)
	if p.f.Timeout > 0 && !p.debug {
		env = append(env, contract.EnvTimeout+"="+p.f.Timeout.String())
	}
	if p.m.opts.Sink != nil {
		if sink := p.m.opts.Sink(p.f); sink != "" {
			env = append(env, contract.EnvSink+"="+sink)
		}
	}
	c := command{argv: rev.code.Command, env: lastOfEach(env)}
	if rev.code.Binary == "" {
		return c, nil
	}
	c.argv = []string{rev.code.Binary}
	if !p.debug { // a debugger does not pass the file on
		c.env = append(c.env, contract.EnvReadyFD+"="+strconv.Itoa(readyFD))
	} else {
		dlv, err := FindDelve()
		if err != nil {
			return command{}, err
		}
		c.debugger = net.JoinHostPort("127.0.0.1", freePort())
		c.argv = []string{
			dlv, "exec", "--headless", "--accept-multiclient", "--api-version=2",
			"--listen=" + c.debugger, rev.code.Binary,
		}
	}
	return c, nil
}

// processors has a Go program that may use a part of the machine's processors
// make threads for so many: limits.cpu, rounded up. Without a container around
// it nothing else would tell it, and threads that it may not use much cost it
// wake-ups and memory. GOMAXPROCS in the mesh or in the engine's environment
// wins.
func processors(f *mesh.Function) []string {
	limit := f.Resources.Limits.Cpu().MilliValue()
	if limit <= 0 || limit > int64(runtime.NumCPU())*1000 {
		return nil
	}
	return []string{fmt.Sprintf("GOMAXPROCS=%d", (limit+999)/1000)}
}

// inherited is what a function gets of the engine's environment: what
// programs need to run at all, and nothing that a shell happens to hold.
func inherited(environ []string) []string {
	var env []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "PATH", name == "HOME", name == "TMPDIR", name == "LANG", name == "TZ",
			strings.HasPrefix(name, "SSL_CERT_"), strings.HasPrefix(name, "GO"):
			env = append(env, kv)
		}
	}
	return env
}

// lastOfEach drops all but the last setting of each variable: programs differ
// in which one they take.
func lastOfEach(env []string) []string {
	last := make(map[string]int, len(env))
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		last[name] = i
	}
	out := env[:0]
	for i, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); last[name] == i {
			out = append(out, kv)
		}
	}
	return out
}

// Delve is what functions are debugged with. debuggerListens begins the line
// in which it says that it can be connected to.
const (
	installDelve    = "go install github.com/go-delve/delve/cmd/dlv@v1.26.2"
	debuggerListens = "API server listening at:"
)

// FindDelve looks for the debugger dlv in PATH and where go install puts
// programs. The error says how to install it.
func FindDelve() (string, error) {
	if path, err := exec.LookPath("dlv"); err == nil {
		return path, nil
	}
	var dirs []string
	if dir := os.Getenv("GOBIN"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range filepath.SplitList(os.Getenv("GOPATH")) {
		dirs = append(dirs, filepath.Join(dir, "bin"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, "go", "bin"))
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, "dlv")); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the debugger dlv is in neither PATH nor GOBIN nor GOPATH/bin; install it with `" + installDelve + "`")
}
