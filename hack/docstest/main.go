//go:build unix

// Command docstest runs every sh block of README.md, docs/*.md and the pages of
// samples, as a reader would paste them: those of one file in order, in one
// shell, at the top of a clean copy of the repository, which is what git knows
// of it and what is new and not ignored. A block that fails fails the run.
//
// Blocks need no marks. One that serves until Ctrl-C is announced by a comment
// that readers do not see:
//
//	<!-- docs-test: background until "ready" -->
//
// It then runs beside those after it, which start once it has printed that
// text, and is interrupted at the end of the file, or by
//
//	<!-- docs-test: stop, then background until "ready" -->
//
//	go run ./hack/docstest [FILE...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// perFile bounds the blocks of one file.
const perFile = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "docstest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	verbose := flag.Bool("v", false, "print what blocks print, also if they succeed")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		for _, pattern := range []string{"README.md", "docs/*.md", "samples/README.md", "samples/*/README.md", "samples/*/*/README.md"} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			files = append(files, found...)
		}
	}
	// The text says 8080 and 9090: these must be free.
	for _, addr := range []string{"127.0.0.1:8080", "127.0.0.1:9090"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("%w; blocks use the usual ports: stop what listens there", err)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "weft-docs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var failed []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		blocks, err := parse(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if len(blocks) == 0 {
			continue
		}
		// Always the same place: what was compiled there for one file need not be
		// compiled again for the next.
		clean := filepath.Join(dir, "weft")
		if err := os.RemoveAll(clean); err != nil {
			return err
		}
		if err := copyTree(ctx, clean); err != nil {
			return err
		}
		started := time.Now()
		out, err := runFile(ctx, clean, file, blocks)
		if err != nil {
			failed = append(failed, file)
			fmt.Printf("FAIL  %s: %v\n%s\n", file, err, out)
			continue
		}
		fmt.Printf("ok    %s: %d blocks, %.1f s\n", file, len(blocks), time.Since(started).Seconds())
		if *verbose {
			fmt.Println(out)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("blocks of %s failed", strings.Join(failed, ", "))
	}
	return nil
}

// copyTree copies the working tree, ignored files left out.
func copyTree(ctx context.Context, to string) error {
	out, err := exec.CommandContext(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and git does not know yet
		}
		if err != nil {
			return err
		}
		dst := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, dst); err != nil {
				return err
			}
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dst, b, info.Mode().Perm()|0o200); err != nil {
			return err
		}
	}
	return nil
}

// runFile runs the blocks of a file and returns what they printed.
func runFile(ctx context.Context, dir, file string, blocks []block) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perFile)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script(file, blocks))
	cmd.Dir = dir
	// Engines that a block may have left have no business here.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "WEFT_") })
	// All of it is one process group, to be ended as a whole.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(out), err
}
