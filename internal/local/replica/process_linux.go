package replica

import (
	"os"
	"syscall"
)

// processAttributes puts the child into a group of its own, so that what it
// starts can be ended with it, and has the kernel end it with the thread that
// started it (see spawner).
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// warmUp has the os package find out now, not at the first start, whether the
// kernel has pidfds: it starts a process for that.
func warmUp() { _, _ = os.FindProcess(os.Getpid()) }
