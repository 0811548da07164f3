//go:build !unix

package builder

import (
	"os/exec"
	"time"
)

func endWithContext(cmd *exec.Cmd) { cmd.WaitDelay = time.Second }
