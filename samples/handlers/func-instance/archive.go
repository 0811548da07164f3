// Package function is a function of Knative func with a life of its own: it
// opens a file when it starts, is ready once it has read it, and closes it when
// it stops.
package function

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

type letter struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// Archive keeps letters.
type Archive struct {
	mu      sync.Mutex
	file    *os.File
	letters map[string]letter
}

// New is what func calls once.
func New() *Archive { return &Archive{} }

// Start opens the file that ARCHIVE names.
func (a *Archive) Start(_ context.Context, settings map[string]string) error {
	path := cmp.Or(settings["ARCHIVE"], ".weft/letters.jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	letters := make(map[string]letter)
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var l letter
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return errors.Join(fmt.Errorf("%s:%d: %w", path, n, err), file.Close())
		}
		letters[l.ID] = l
	}
	if err := lines.Err(); err != nil {
		return errors.Join(err, file.Close())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.file, a.letters = file, letters
	return nil
}

// Ready says whether the letters have been read.
func (a *Archive) Ready(context.Context) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.letters != nil, nil
}

// Stop closes the file.
func (a *Archive) Stop(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// Handle takes letters with POST and answers them with GET.
func (a *Archive) Handle(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.letters == nil:
		http.Error(w, "the letters are not read yet", http.StatusServiceUnavailable)
	case r.Method == http.MethodPost:
		a.keep(w, r)
	default:
		l, ok := a.letters[r.URL.Query().Get("id")]
		if !ok {
			http.Error(w, "no letter for that claim yet", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l) // the client has gone: nobody to tell
	}
}

// keep writes a letter down. One that is there stays as it is: events may be
// delivered twice.
func (a *Archive) keep(w http.ResponseWriter, r *http.Request) {
	var l letter
	if err := json.NewDecoder(r.Body).Decode(&l); err != nil || l.ID == "" {
		http.Error(w, "the body is not a letter in JSON", http.StatusBadRequest)
		return
	}
	if _, there := a.letters[l.ID]; !there {
		line, err := json.Marshal(l)
		if err == nil {
			_, err = a.file.Write(append(line, '\n'))
		}
		if err != nil {
			http.Error(w, "the letter was not written: "+err.Error(), http.StatusInternalServerError)
			return
		}
		a.letters[l.ID] = l
	}
	w.WriteHeader(http.StatusNoContent)
}
