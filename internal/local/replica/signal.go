package replica

import "syscall"

const (
	endSignal  = syscall.SIGTERM
	killSignal = syscall.SIGKILL
)

// signalGroup signals a child and all in its group. That none is left is no
// error.
func signalGroup(pid int, sig syscall.Signal) { _ = syscall.Kill(-pid, sig) }
