// Package doctor examines a machine: is there what the local engine needs, and
// if not, what is to be done.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/local"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/mesh/source"
)

// Verdict on one check.
type Verdict string

// The verdicts. Weft runs with a Warn, though something will be missed; it
// does not with a Fail.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

// Finding is the result of one check.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Failed says whether any finding is a Fail.
func Failed(fs []Finding) bool {
	for _, f := range fs {
		if f.Verdict == Fail {
			return true
		}
	}
	return false
}

// What a machine should have at least.
const (
	leastDisk   = 100 << 20 // bytes; builds and queues need some room
	roomyDisk   = 1 << 30   // bytes
	fewFiles    = 256       // an engine, its functions and a handful of clients
	plentyFiles = 4096      // a thousand connections, each going on to a function
)

// Machine says what is examined.
type Machine struct {
	// File is the mesh file, Named says that it was asked for: then it must
	// be there. Set overrides its fields.
	File  string
	Named bool
	Set   []string
	// Data directory of the engine.
	Data string
	// HTTP and Admin are the addresses that an engine would listen at.
	HTTP, Admin string
}

// Examine makes all checks.
func (m Machine) Examine(ctx context.Context) []Finding {
	var fs []Finding
	run, runErr := adminapi.ReadRun(m.Data)
	fs = append(fs, goCommand(ctx)...)
	fs = append(fs,
		address("gateway", "http", m.HTTP, run.HTTP),
		address("admin", "admin", m.Admin, run.Admin),
		m.engine(run, runErr),
		m.data(runErr == nil),
		m.disk(),
		files(),
		debugger(),
		m.mesh(),
	)
	return fs
}

func ok(check, format string, args ...any) Finding {
	return Finding{check, OK, fmt.Sprintf(format, args...), ""}
}

func warn(check, message, hint string) Finding { return Finding{check, Warn, message, hint} }
func fail(check, message, hint string) Finding { return Finding{check, Fail, message, hint} }

// goCommand checks the command that builds functions, and its caches.
func goCommand(ctx context.Context) []Finding {
	path, err := exec.LookPath("go")
	if err != nil {
		return []Finding{fail("go", "there is no go command: functions cannot be built", "install Go from https://go.dev/dl and put its bin on PATH")}
	}
	out, err := exec.CommandContext(ctx, path, "env", "GOVERSION", "GOCACHE", "GOMODCACHE").Output()
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if err != nil || len(lines) != 3 {
		return []Finding{fail("go", fmt.Sprintf("%s env does not work: %v", path, err), "run it by hand, or install Go anew from https://go.dev/dl")}
	}
	return []Finding{
		ok("go", "%s at %s", lines[0], path),
		cache("build cache", "GOCACHE", lines[1]),
		cache("module cache", "GOMODCACHE", lines[2]),
	}
}

func cache(check, variable, dir string) Finding {
	if err := writable(dir); err != nil {
		return fail(check, fmt.Sprintf("%s cannot be written: %v", dir, err), "make it writable, or name another with "+variable)
	}
	return ok(check, "%s", dir)
}

// writable tries to write below dir, or below the nearest directory above it
// that exists.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			if !info.IsDir() {
				return errors.New(dir + " is a file")
			}
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return err
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".weft-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// address checks that an engine could listen; own is where a running one
// does.
func address(check, flag, addr, own string) Finding {
	if own != "" && strings.TrimPrefix(own, "http://") == addr {
		return ok(check, "%s, where the running engine of this mesh listens", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		hint := "choose another: weft up --" + flag + " 127.0.0.1:0"
		if errors.Is(err, syscall.EADDRINUSE) {
			return fail(check, addr+" is in use by another program", hint)
		}
		return fail(check, err.Error(), hint)
	}
	if err := l.Close(); err != nil {
		return warn(check, err.Error(), "")
	}
	return ok(check, "%s is free", addr)
}

func (m Machine) engine(run adminapi.Run, err error) Finding {
	const check = "engine"
	var stale *adminapi.StaleError
	switch {
	case err == nil:
		return ok(check, "process %d runs %s since %s", run.PID, run.Mesh, run.Started.Local().Format("2006-01-02 15:04:05"))
	case errors.As(err, &stale):
		return warn(check, fmt.Sprintf("%s is left over from process %d, which %s", stale.Path, stale.PID, stale.Reason), "the next weft up cleans it up")
	case errors.Is(err, adminapi.ErrNoEngine):
		return ok(check, "none is running")
	}
	return fail(check, err.Error(), "")
}

// data checks the data directory, unless a running engine has it.
func (m Machine) data(running bool) Finding {
	const check = "data"
	if err := writable(m.Data); err != nil {
		return fail(check, fmt.Sprintf("%s cannot be written: %v", m.Data, err), "make it writable, or name another with --data")
	}
	if running {
		return ok(check, "%s is the running engine's", m.Data)
	}
	if err := local.CheckData(m.Data); err != nil {
		return fail(check, err.Error(), "")
	}
	return ok(check, "%s", m.Data)
}

func (m Machine) disk() Finding {
	const check = "disk"
	dir := m.Data
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return warn(check, fmt.Sprintf("%s: %v", dir, err), "")
	}
	free := st.Bavail * uint64(st.Bsize)
	message := fmt.Sprintf("%.1f GB free for %s", float64(free)/(1<<30), m.Data)
	switch {
	case free < leastDisk:
		return fail(check, message, "free some, or name a data directory elsewhere with --data")
	case free < roomyDisk:
		return warn(check, message, "queues stop taking events when the disk is full; free some, or use --data")
	}
	return ok(check, "%s", message)
}

// files checks how many descriptors a process may have: connections of clients
// and to functions each take one.
func files() Finding {
	const check = "open files"
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return warn(check, err.Error(), "")
	}
	message := fmt.Sprintf("at most %d for one process", lim.Cur)
	const hint = "raise the limit: ulimit -n 8192"
	switch {
	case lim.Cur < fewFiles:
		return fail(check, message, hint)
	case lim.Cur < plentyFiles:
		return warn(check, message+": under load connections will be refused", hint)
	}
	return ok(check, "%s", message)
}

func debugger() Finding {
	path, err := replica.FindDelve()
	if err != nil {
		return warn("debugger", err.Error(), "only weft up --debug needs it")
	}
	return ok("debugger", "%s", path)
}

func (m Machine) mesh() Finding {
	const check = "mesh"
	if _, err := os.Stat(m.File); errors.Is(err, os.ErrNotExist) && !m.Named {
		return warn(check, "there is no "+m.File+" here", "name it with --file, or start a project with: weft new NAME")
	}
	bundle, problems := source.Load(m.File, source.Options{Set: m.Set})
	if p := bundle.Plan; p != nil {
		return ok(check, "%s: %s; functions: %d, links: %d, warnings: %d", m.File, p.Name, len(p.Functions), len(p.Links), len(problems.Warnings()))
	}
	lines := make([]string, 0, len(problems))
	for _, p := range problems.Errors() {
		lines = append(lines, p.String())
	}
	return fail(check, strings.Join(lines, "\n"), "mend it, then: weft validate -f "+m.File)
}
