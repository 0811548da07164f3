package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// RunFile is the name of the file in the data directory that says where the
// engine is.
const RunFile = "run.json"

// ErrNoEngine means that no engine runs on a data directory.
var ErrNoEngine = errors.New("no engine is running")

// StaleError means that an engine left its run.json behind: it was killed.
type StaleError struct {
	// Path of the run.json.
	Path string
	PID  int
	// Reason says how it is known.
	Reason string
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("no engine is running: %s is left over from process %d, which %s", e.Path, e.PID, e.Reason)
}

// Is makes a stale run.json a case of ErrNoEngine.
func (e *StaleError) Is(target error) bool { return target == ErrNoEngine }

// ReadRun reads the run.json of a data directory. The error is ErrNoEngine if
// there is none, and a *StaleError if the process it names is gone.
func ReadRun(dir string) (Run, error) {
	path := filepath.Join(dir, RunFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return Run{}, ErrNoEngine
	case err != nil:
		return Run{}, err
	}
	var run Run
	if err := json.Unmarshal(b, &run); err != nil {
		return Run{}, fmt.Errorf("%s is not what an engine writes: %w; remove it if no engine is running", path, err)
	}
	if run.PID <= 0 || run.Admin == "" {
		return Run{}, fmt.Errorf("%s names no process and no admin address; remove it if no engine is running", path)
	}
	// Signal 0 only asks whether the process exists; EPERM says it does.
	if err := syscall.Kill(run.PID, 0); errors.Is(err, syscall.ESRCH) {
		return run, &StaleError{Path: path, PID: run.PID, Reason: "is gone"}
	}
	return run, nil
}
