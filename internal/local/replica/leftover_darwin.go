package replica

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// startTime is when a process started, in microseconds; "?" if it is gone.
func startTime(pid int) string {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%d.%06d", info.Proc.P_starttime.Sec, info.Proc.P_starttime.Usec)
}

// leftOver says whether the process is still the one that was started.
func leftOver(pid int, start, _ string) bool { return start != "?" && startTime(pid) == start }

// children is only known on Linux. Elsewhere debuggers end what they debug.
func children(int) []int { return nil }
