package pages

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Release gives back the pages of the program's own file that are mapped for
// reading. It takes some milliseconds, and what is needed of them again some
// microseconds for each 64 KiB.
func Release() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	spans, err := clean(f, program)
	if err != nil {
		return err
	}
	for _, s := range spans {
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, s.from, s.to-s.from, syscall.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise: %w", errno)
		}
	}
	return nil
}

type span struct{ from, to uintptr }

// clean returns the mappings of a file that are read-only and as in the file
// (proc_pid_smaps(5)). One that has pages of its own is left out: a loader has
// written to it before it became read-only, or a debugger has, and such pages
// would be lost.
func clean(smaps io.Reader, program string) ([]span, error) {
	var spans []span
	var at span
	wanted := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 5 && !strings.HasSuffix(fields[0], ":"):
			// from-to perms offset device inode path
			_, path, _ := strings.Cut(lines.Text(), "/")
			wanted = "/"+path == program && fields[1][0] == 'r' && fields[1][1] == '-'
			if !wanted {
				continue
			}
			from, to, _ := strings.Cut(fields[0], "-")
			var err error
			if at, err = parse(from, to); err != nil {
				return nil, err
			}
		case wanted && len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] == "0":
			spans = append(spans, at)
		}
	}
	return spans, lines.Err()
}

func parse(from, to string) (span, error) {
	a, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return span{}, err
	}
	b, err := strconv.ParseUint(to, 16, 64)
	if err != nil {
		return span{}, err
	}
	return span{uintptr(a), uintptr(b)}, nil
}
