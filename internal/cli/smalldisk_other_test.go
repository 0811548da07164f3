//go:build !linux

package cli_test

import "errors"

func smallDiskMain() {
	fatal(errors.New("this system has no namespaces to mount a small file system in"))
}

func canMount() bool { return false }
