//go:build unix

package fn

import (
	"os"
	"strconv"
	"syscall"

	"github.com/weftmesh/weft/internal/contract"
)

// tellReady tells the engine that calls are taken: they wait in the listener
// until the server has begun. The engine would find out by itself, but later.
// What is no pipe is someone else's and left alone: the variable came here by
// way of a program that kept the pipe.
func tellReady(pipe string) {
	fd, err := strconv.Atoi(pipe)
	if err != nil || fd <= syscall.Stderr {
		return
	}
	_ = os.Unsetenv(contract.EnvReadyFD) // programs that the function starts do not have the pipe
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return
	}
	_, _ = syscall.Write(fd, []byte{'\n'}) // the engine asks, too
	_ = syscall.Close(fd)                  // it was only for this
}
