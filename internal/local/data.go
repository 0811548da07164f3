package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/mesh"
)

// formatVersion is the number of the data directory's format. It changes when
// an engine could no longer read what an older one wrote.
const formatVersion = 1

// What a data directory holds.
const (
	fileVersion  = "version"
	fileLock     = "lock"
	dirJetStream = "jetstream"
	dirState     = "state"
	dirLogs      = "logs"
	dirBin       = "bin"
	fileDapr     = "dapr.sock"
	// dirProcesses has a directory for each generation of the mesh, with the
	// list of its processes.
	dirProcesses = "processes"
)

// dataDir is a data directory that this process has locked.
type dataDir struct {
	path string
	lock *os.File
}

// openData makes the data directory if need be and locks it against other
// engines until close, or until the process ends in whatever way.
func openData(path string) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unwritable(path, err)
	}
	d := &dataDir{path: path}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := d.checkVersion(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if err := d.probe(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func unwritable(path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("data directory %s: the disk is full; free some space, or keep the data elsewhere with --data", path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("data directory %s cannot be written (%w); keep the data elsewhere with --data", path, reason(err))
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("data directory %s: there is a file in its place; move it, or keep the data elsewhere with --data", path)
	}
	return fmt.Errorf("data directory %s: %w", path, err)
}

// reason is the bare reason of a file error, without path and operation.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) takeLock() error {
	f, err := os.OpenFile(d.file(fileLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return unwritable(d.path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("locking %s: %w; keep the data on a local disk with --data", f.Name(), err)
		}
		return d.locked(f)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return errors.Join(unwritable(d.path, err), f.Close())
	}
	d.lock = f
	return nil
}

// locked says which engine has the directory.
func (d *dataDir) locked(f *os.File) error {
	who := "another engine"
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0) // a short file is no error here
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
		who = fmt.Sprintf("an engine with process id %d", pid)
	}
	return fmt.Errorf("data directory %s is in use by %s (%s); stop it, or give this one its own with --data", d.path, who, f.Name())
}

func (d *dataDir) checkVersion() error {
	path := d.file(fileVersion)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, []byte(strconv.Itoa(formatVersion)+"\n"), 0o600); err != nil {
			return unwritable(d.path, err)
		}
		return nil
	}
	if err != nil {
		return unwritable(d.path, err)
	}
	if got := strings.TrimSpace(string(b)); got != strconv.Itoa(formatVersion) {
		return fmt.Errorf("data directory %s has format %q, and this weft reads format %d: "+
			"use the weft that wrote it, keep the data elsewhere with --data, or delete the directory with the events in it",
			d.path, got, formatVersion)
	}
	return nil
}

// probe writes a little, so that a full disk is found out before the mesh
// takes traffic.
func (d *dataDir) probe() error {
	path := d.file("probe")
	err := os.WriteFile(path, make([]byte, 64<<10), 0o600)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return unwritable(d.path, err)
	}
	return nil
}

// ledger makes the directory where a generation writes down its processes.
func (d *dataDir) ledger(generation int) (string, error) {
	path := filepath.Join(d.file(dirProcesses), strconv.Itoa(generation))
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", unwritable(d.path, err)
	}
	return path, nil
}

// endLeftovers ends the processes that a killed engine left behind. The
// manager of the first generation does that by itself; this is for those of
// later ones.
func (d *dataDir) endLeftovers(log *slog.Logger) error {
	entries, err := os.ReadDir(d.file(dirProcesses))
	if err != nil {
		return nil // none yet
	}
	for _, entry := range entries {
		path := filepath.Join(d.file(dirProcesses), entry.Name())
		m, err := replica.New(replica.Options{Plan: &mesh.Plan{}, Dir: d.path, Data: path, Logger: log})
		if err != nil {
			return err
		}
		if err := m.Stop(context.Background()); err != nil {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			return unwritable(d.path, err)
		}
	}
	return nil
}

// writeRun writes run.json in one piece.
func (d *dataDir) writeRun(run adminapi.Run) error {
	b, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	path := d.file(adminapi.RunFile)
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return unwritable(d.path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return unwritable(d.path, err)
	}
	return nil
}

func (d *dataDir) removeRun() error {
	if err := os.Remove(d.file(adminapi.RunFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// close unlocks the directory. The lock's file stays: removing it could let
// two engines in.
func (d *dataDir) close() error { return d.lock.Close() }
