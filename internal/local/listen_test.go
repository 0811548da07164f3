package local

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListenSocket(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	path := filepath.Join(dir, fileDapr)
	if err := os.WriteFile(path, nil, 0o644); err != nil { // an engine that was killed
		t.Fatal(err)
	}
	l := listenSocket(path, log)
	if l == nil {
		t.Fatal("what is left of another engine stands in the way")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a socket of this user alone", info.Mode(), err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := closeListener(l); err != nil {
		t.Error(err)
	}
	if err := closeListener(l); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is left behind")
	}
	for reason, path := range map[string]string{
		"longer than an address may be": filepath.Join(dir, strings.Repeat("x", maxSocketPath)),
		"no directory":                  filepath.Join(dir, "none", "s"),
	} {
		if l := listenSocket(path, log); l != nil {
			t.Errorf("%s: there is a socket", reason)
		}
	}
}
