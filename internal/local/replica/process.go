package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// process is a child and the lines it writes.
type process struct {
	pid int
	// done is closed once the process is reaped and its last lines are read;
	// state is set then.
	done chan struct{}
	// told is closed if the process says that it is ready.
	told  chan struct{}
	state *os.ProcessState
	lines tail
}

// drainOutput is how long the pipe of a process that has ended is still read:
// its own lines are in there already, and others that hold the pipe open are
// not waited for.
const drainOutput = 100 * time.Millisecond

// adopt takes over a started child: it is reaped, its lines are passed on, and
// it is heard at ready if it says that it is. mask, if it is not nil, hides in
// each line what must not be shown.
func adopt(child *os.Process, out, ready *os.File, line func(pid int, line []byte), mask func([]byte) []byte) *process {
	p := &process{pid: child.Pid, done: make(chan struct{}), told: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer func() { _ = ready.Close() }()
		if n, _ := ready.Read(make([]byte, 1)); n == 1 {
			close(p.told)
		}
	}()
	go func() {
		defer close(read)
		defer func() { _ = out.Close() }()
		readLines(out, func(l []byte) {
			if mask != nil {
				l = mask(l)
			}
			p.lines.add(l)
			if line != nil {
				line(p.pid, l)
			}
		})
	}()
	go func() {
		defer close(p.done)
		state, err := child.Wait()
		if err == nil {
			p.state = state
		}
		// What it has started must not outlive it.
		signalGroup(p.pid, killSignal)
		_ = out.SetReadDeadline(time.Now().Add(drainOutput)) // a closed pipe is read to its end already
		_ = ready.SetReadDeadline(time.Now())
		<-read
	}()
	return p
}

// stop asks the process to end, and ends it after the grace period or when
// now is closed.
func (p *process) stop(grace time.Duration, now <-chan struct{}) {
	signalGroup(p.pid, endSignal)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return
	case <-t.C:
	case <-now:
	}
	p.kill()
	<-p.done
}

// kill ends the process and its group, and children that have left it: what
// runs under a debugger has a group of its own and outlives it.
func (p *process) kill() {
	for _, pid := range children(p.pid) {
		signalGroup(pid, killSignal)
	}
	signalGroup(p.pid, killSignal)
}

// ended says how the process ended, after done.
func (p *process) ended() string {
	how := "ended in an unknown way"
	if p.state != nil {
		how = p.state.String()
		if p.state.Success() {
			how = "exit status 0"
		}
	}
	if last := p.lines.last(5); last != "" {
		how += ": " + last
	}
	return how
}

// maxLine bounds a line in bytes; a longer one comes in parts.
const maxLine = 64 << 10

// readLines calls fn with each line until the reader ends. The buffer begins
// small, as most functions write short lines, and there may be many of them.
func readLines(r io.Reader, fn func([]byte)) {
	buf := make([]byte, 2<<10)
	var n int
	for {
		m, err := r.Read(buf[n:])
		n += m
		rest := buf[:n]
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			fn(bytes.TrimSuffix(rest[:i], []byte{'\r'}))
			rest = rest[i+1:]
		}
		n = copy(buf, rest)
		if n == len(buf) {
			if n < maxLine {
				buf = append(buf, make([]byte, len(buf))...)
			} else {
				fn(buf[:n])
				n = 0
			}
		}
		if err != nil {
			if n > 0 {
				fn(buf[:n])
			}
			return
		}
	}
}

// tail keeps the last lines of a process, for the reason why it failed.
type tail struct {
	mu    sync.Mutex
	lines [20][]byte
	n     int
}

// longest is how much of a line is kept.
const longest = 400

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot := &t.lines[t.n%len(t.lines)]
	*slot = append((*slot)[:0], line[:min(len(line), longest)]...)
	t.n++
}

// last returns up to n of the last lines that are not empty, separated by
// " | ": of those that are no structured logs, such as a panic's. If there are
// no others, the last log alone has to do: the rest is in the logs.
func (t *tail) last(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	lastLog := ""
	for i := max(0, t.n-len(t.lines)); i < t.n; i++ {
		switch l := strings.TrimSpace(string(t.lines[i%len(t.lines)])); {
		case l == "":
		case l[0] == '{':
			lastLog = l
		default:
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return lastLog
	}
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// errStopped is given to those who wait when the manager stops.
var errStopped = errors.New("the engine is stopping")

// startError says that a program cannot be run at all.
func startError(program string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot run %s: there is no such program", program)
	}
	return fmt.Errorf("cannot run %s: %w", program, err)
}
