//go:build !linux

package replica

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Memory is the resident set size of a process in bytes. Only Linux tells
// how much of it is shared.
func Memory(pid int) (int64, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	kb, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kb << 10, err
}
