package replica

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory is the proportional set size of a process in bytes: its own pages,
// and its share of those it has in common with others (proc(5),
// smaps_rollup).
func Memory(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // read only
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: its memory is not told", pid)
}
