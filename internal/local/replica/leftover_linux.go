package replica

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
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
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return false
	}
	for _, path := range stats {
		member, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if fields := statFields(member); len(fields) > 2 && fields[2] == strconv.Itoa(pid) && serves(member, service) {
			return true
		}
	}
	return false
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
