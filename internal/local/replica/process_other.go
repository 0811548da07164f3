//go:build !linux

package replica

import "syscall"

// processAttributes puts the child into a group of its own, so that what it
// starts can be ended with it. Only Linux ends children with their parent:
// elsewhere the next engine ends what a killed one left.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func warmUp() {}
