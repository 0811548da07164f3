package replica

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// ledger is the file that names the running processes, one a line, as pid,
// start time and service. It is written at each start without a sync: what it
// is for is an engine that was killed, not a machine that lost power.
type ledger struct {
	path string
	mu   sync.Mutex
	file *os.File
	live map[int]string
	// lines in the file, those of processes long gone included.
	lines int
}

// openLedger ends the processes that the ledger of a killed engine names, and
// begins a new one.
func openLedger(data string, logger *slog.Logger) (*ledger, error) {
	path := filepath.Join(data, "processes")
	if old, err := os.ReadFile(path); err == nil {
		endLeftovers(old, logger)
	}
	l := &ledger{path: path, live: make(map[int]string)}
	if err := l.rewrite(); err != nil {
		return nil, fmt.Errorf("write down the processes that run: %w", err)
	}
	return l, nil
}

func (l *ledger) add(pid int, service string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Sprintf("%d %s %s\n", pid, startTime(pid), service)
	l.live[pid] = line
	if l.lines++; l.lines > 64+2*len(l.live) {
		_ = l.rewrite() // the lines stay in the old file, and the next start tries again
		return
	}
	_, _ = l.file.WriteString(line) // on Linux the kernel ends children anyway
}

func (l *ledger) remove(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, pid)
}

// rewrite starts the file anew with what lives.
func (l *ledger) rewrite() error {
	var b bytes.Buffer
	for _, line := range l.live {
		b.WriteString(line)
	}
	temporary := l.path + ".new"
	if err := os.WriteFile(temporary, b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, l.path); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if l.file != nil {
		_ = l.file.Close() // replaced
	}
	l.file, l.lines = file, len(l.live)
	return nil
}

// close ends the ledger of a manager that has no process left.
func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close() // written through
	return os.Remove(l.path)
}

// endLeftovers kills the groups of the processes in a ledger that are still
// the same processes: a pid may have been given away since.
func endLeftovers(old []byte, logger *slog.Logger) {
	for s := bufio.NewScanner(bytes.NewReader(old)); s.Scan(); {
		pid, start, service, ok := parseLedgerLine(s.Text())
		if ok && leftOver(pid, start, service) {
			logger.Warn("ending a process that a killed engine left behind", "pid", pid, "service", service)
			signalGroup(pid, killSignal)
		}
	}
}

// parseLedgerLine is not ok for a torn line. No process of ours is 1, and the
// groups 0 and 1 would be everybody's.
func parseLedgerLine(line string) (pid int, start, service string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return 0, "", "", false
	}
	pid, err := strconv.Atoi(fields[0])
	return pid, fields[1], fields[2], err == nil && pid > 1
}
