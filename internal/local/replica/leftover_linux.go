package replica

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/internal/contract"
)

// startTime is when a process started, in clock ticks since the machine did;
// "?" if it is gone.
func startTime(pid int) string {
	if fields := statFields(pid); len(fields) > 19 {
		return fields[19]
	}
	return "?"
}

// statFields are those of /proc/<pid>/stat after the name, which may itself
// hold spaces and parentheses; the first is the state (proc(5), field 3).
func statFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// leftOver says whether the process, or one that it started and that is still
// in its group, runs the service.
func leftOver(pid int, start, service string) bool {
	switch is := startTime(pid); {
	case is != "?" && is != start:
		return false
	case is == start && serves(pid, service):
		return true
	}
	// The leader is gone or dying (then its environment is gone), but as long
	// as its group has members the kernel does not give its pid away.
	const group = 2
	return slices.ContainsFunc(having(group, pid), func(member int) bool { return serves(member, service) })
}

// children returns the processes that a process has started.
func children(pid int) []int {
	const parent = 1
	return having(parent, pid)
}

// having returns the processes with that number in a field of their stat.
func having(field, number int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var pids []int
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if fields := statFields(pid); len(fields) > field && fields[field] == strconv.Itoa(number) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func serves(pid int, service string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	want := []byte(contract.EnvService + "=" + service)
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(kv, want) {
			return true
		}
	}
	return false
}
