package replica

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// spawner starts processes, all from one thread that lives as long as it: the
// kernel ties a child's parent-death signal to the thread that started it
// (prctl(2), PR_SET_PDEATHSIG), and the runtime ends threads as it likes.
type spawner struct {
	requests chan spawnRequest
	stdin    *os.File
	dir      string
	ledger   *ledger
	mask     func([]byte) []byte
	// ended is closed when the thread is gone.
	ended chan struct{}
}

// readyFD is where a process tells that it is ready: the first number after
// those of the standard files.
const readyFD = 3

type spawnRequest struct {
	argv, env []string
	service   string
	line      func(pid int, line []byte)
	answer    chan spawnAnswer
}

type spawnAnswer struct {
	process *process
	err     error
}

func newSpawner(dir string, l *ledger, mask func([]byte) []byte) (*spawner, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open the standard input of functions: %w", err)
	}
	s := &spawner{requests: make(chan spawnRequest), stdin: null, dir: dir, ledger: l, mask: mask, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		// Never unlocked: the thread ends with this goroutine, and by then
		// its children have.
		runtime.LockOSThread()
		warmUp()
		for r := range s.requests {
			p, err := s.start(r)
			r.answer <- spawnAnswer{p, err}
			if err == nil {
				s.ledger.add(p.pid, r.service)
			}
		}
	}()
	return s, nil
}

// spawn starts a program with its arguments; line gets its output.
func (s *spawner) spawn(argv, env []string, service string, line func(int, []byte)) (*process, error) {
	answer := make(chan spawnAnswer, 1)
	s.requests <- spawnRequest{argv, env, service, line, answer}
	a := <-answer
	return a.process, a.err
}

func (s *spawner) start(r spawnRequest) (*process, error) {
	program, err := lookProgram(r.argv[0], s.dir)
	if err != nil {
		return nil, startError(r.argv[0], err)
	}
	// One pipe for stdout and stderr keeps their lines in order.
	out, in, err := os.Pipe()
	if err != nil {
		return nil, startError(r.argv[0], err)
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		_, _ = out.Close(), in.Close() // nothing was written
		return nil, startError(r.argv[0], err)
	}
	child, err := os.StartProcess(program, r.argv, &os.ProcAttr{
		Dir: s.dir, Env: r.env, Files: []*os.File{s.stdin, in, in, readyFD: tell}, Sys: processAttributes(),
	})
	_, _ = in.Close(), tell.Close() // the child has its own
	if err != nil {
		_, _ = out.Close(), ready.Close() // nothing was written
		return nil, startError(r.argv[0], err)
	}
	return adopt(child, out, ready, r.line, s.mask), nil
}

func (s *spawner) close() {
	close(s.requests)
	<-s.ended
	_ = s.stdin.Close() // opened for reading
}

// lookProgram finds a program: in PATH, or from dir if its name has a slash.
func lookProgram(name, dir string) (string, error) {
	switch {
	case filepath.IsAbs(name):
		return name, nil
	case strings.ContainsRune(name, filepath.Separator):
		return filepath.Join(dir, name), nil
	}
	return exec.LookPath(name)
}
