//go:build unix

package builder

import (
	"os/exec"
	"syscall"
	"time"
)

// endWithContext has the end of the context end the compilers too that the go
// command has started.
func endWithContext(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
}
