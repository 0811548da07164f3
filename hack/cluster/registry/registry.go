package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
)

// maxManifest is the largest manifest taken: what registries allow at least.
const maxManifest = 4 << 20

// A journal makes a registry that keeps only blobs on disk keep its manifests
// too: it writes down what changes them, and repeats that at the start.
type journal struct {
	next http.Handler

	mu   sync.Mutex
	file *os.File
}

// A change is a request that was carried out.
type change struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Type   string `json:"type,omitempty"`
	Body   []byte `json:"body,omitempty"`
}

func open(dir string) (http.Handler, error) {
	blobs := filepath.Join(dir, "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, err
	}
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	j := &journal{next: registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)),
		registry.WithReferrersSupport(true), quiet)}
	name := filepath.Join(dir, "manifests.jsonl")
	kept, err := j.replay(name)
	if err != nil {
		return nil, err
	}
	// A line that was cut off by a crash stays out of the way of the next.
	if j.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	if err := j.file.Truncate(kept); err != nil {
		return nil, err
	}
	_, err = j.file.Seek(kept, io.SeekStart)
	return j, err
}

// replay repeats the changes of a file and returns how much of it is whole.
func (j *journal) replay(name string) (int64, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer f.Close()
	var kept int64
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return kept, nil
		} else if err != nil {
			return 0, err
		}
		var c change
		if err := json.Unmarshal(line, &c); err != nil {
			return 0, fmt.Errorf("%s: %w; remove it to start with an empty registry", name, err)
		}
		kept += int64(len(line))
		req := httptest.NewRequest(c.Method, c.Path, bytes.NewReader(c.Body))
		req.Header.Set("Content-Type", c.Type)
		j.next.ServeHTTP(httptest.NewRecorder(), req)
	}
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	changes := r.Method == http.MethodPut || r.Method == http.MethodDelete
	if !changes || !strings.Contains(r.URL.Path, "/manifests/") {
		j.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	// One at a time, so that the order on disk is the order in which they came.
	j.mu.Lock()
	defer j.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	j.next.ServeHTTP(answer, r)
	if answer.Code < 300 {
		line, err := json.Marshal(change{r.Method, r.URL.Path, r.Header.Get("Content-Type"), body})
		if err == nil {
			_, err = j.file.Write(append(line, '\n'))
		}
		if err != nil {
			http.Error(w, "the manifest could not be kept: "+err.Error(), http.StatusInsufficientStorage)
			return
		}
	}
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
