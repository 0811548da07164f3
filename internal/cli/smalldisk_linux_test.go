package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// smallDiskMain is the program "smalldisk SIZE DIR COMMAND…": it runs the
// command with a file system of that size mounted at DIR, which only the
// command and its children see. In a user namespace that needs no rights,
// where the system lets users have such.
func smallDiskMain() {
	size, dir, argv := os.Args[1], os.Args[2], os.Args[3:]
	if os.Getenv("SMALLDISK_INSIDE") == "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			fatal(err)
		}
		cmd := inNamespace(os.Args[0], os.Args[1:]...)
		cmd.Env = append(os.Environ(), "SMALLDISK_INSIDE=1")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		// An interrupt is the command's to act on, which shares this
		// program's group of processes or is sent it.
		forward(cmd)
		return
	}
	if err := syscall.Mount("weft", dir, "tmpfs", 0, "size="+size); err != nil {
		fatal(fmt.Errorf("mount: %w", err))
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		fatal(err)
	}
	fatal(syscall.Exec(path, argv, os.Environ()))
}

func inNamespace(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// forward runs a command, hands it the signals that this program gets, and
// ends with its exit code.
func forward(cmd *exec.Cmd) {
	signals := notify()
	if err := cmd.Start(); err != nil {
		fatal(err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	_ = cmd.Wait() // the exit code says it
	os.Exit(cmd.ProcessState.ExitCode())
}

// canMount says whether smalldisk works here.
func canMount() bool {
	dir, err := os.MkdirTemp("", "weft-smalldisk-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	self, err := os.Executable()
	if err != nil {
		return false
	}
	cmd := inNamespace(self)
	cmd.Args = []string{"smalldisk", "64k", dir, "true"}
	cmd.Env = append(os.Environ(), "SMALLDISK_INSIDE=1")
	return cmd.Run() == nil
}
