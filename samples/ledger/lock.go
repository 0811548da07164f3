//go:build unix

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the file's lock, which the kernel frees when its holder dies.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// unlock frees it. It cannot fail on a file that holds the lock.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
