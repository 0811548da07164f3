package contract

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// App is the application behind a target: an HTTP server that says what it
// subscribes to, answers as a case tells it to, and remembers what it was sent.
type App struct {
	URL string

	mu      sync.Mutex
	answers map[string][]answer
	got     map[string][]received
	changed chan struct{} // closed and made anew at each request
	closed  chan struct{}
}

// answer is what the application answers one request to a path with.
type answer struct {
	status  int
	body    string
	headers http.Header
}

// received is a request that the application was sent.
type received struct {
	method, path string
	headers      http.Header
	body         string
}

func startApp(t *testing.T) *App {
	a := &App{
		answers: make(map[string][]answer), got: make(map[string][]received),
		changed: make(chan struct{}), closed: make(chan struct{}),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: a}}
	server.Start()
	a.URL = server.URL
	t.Cleanup(func() {
		close(a.closed)
		server.Close()
	})
	return a
}

// Port of the application's server.
func (a *App) Port() string { return a.URL[strings.LastIndexByte(a.URL, ':')+1:] }

// Host is its host and port.
func (a *App) Host() string { return strings.TrimPrefix(a.URL, "http://") }

// ServeHTTP answers engine and case.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch {
	case r.URL.Path == "/dapr/subscribe":
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, programmatic)
		return
	case r.URL.Path == "/dapr/config" || r.URL.Path == "/healthz":
		http.NotFound(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/echo"):
		echo(w, r, body)
		return
	}
	a.mu.Lock()
	path := r.URL.Path
	a.got[path] = append(a.got[path], received{method: r.Method, path: r.URL.RequestURI(), headers: r.Header.Clone(), body: string(body)})
	next := answer{status: http.StatusOK}
	if script := a.answers[path]; len(script) > 0 {
		next, a.answers[path] = script[0], script[1:]
	}
	close(a.changed)
	a.changed = make(chan struct{})
	a.mu.Unlock()

	for name, values := range next.headers {
		w.Header()[name] = values
	}
	w.WriteHeader(next.status)
	io.WriteString(w, next.body)
}

// echo answers with what it was asked, for service invocation. The query's
// status is the answer's.
func echo(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Answer", "yes")
	switch r.URL.Query().Get("status") {
	case "204":
		w.WriteHeader(http.StatusNoContent)
		return
	case "302":
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
	case "400":
		w.WriteHeader(http.StatusBadRequest)
	case "404":
		w.WriteHeader(http.StatusNotFound)
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	}
	io.WriteString(w, received{method: r.Method, path: r.URL.RequestURI(), headers: r.Header, body: string(body)}.text())
}

// answer has the next requests to a path answered so, one each; further ones
// with 200 and nothing.
func (a *App) answer(path string, answers ...answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[path] = answers
}

// unasked says whether the answers for a path have been given.
func (a *App) unasked(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.answers[path]) == 0
}

// take waits for n requests to a path, and forgets them.
func (a *App) take(path string, n int, patience time.Duration) []received {
	deadline := time.After(patience)
	for {
		a.mu.Lock()
		got, changed := a.got[path], a.changed
		if len(got) >= n {
			a.got[path] = slices.Clone(got[n:])
			a.mu.Unlock()
			return got[:n]
		}
		a.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			return got
		case <-a.closed:
			return got
		}
	}
}

// have gives the requests to a path that came so far, and forgets them.
func (a *App) have(path string) []received {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.got[path]
	delete(a.got, path)
	return got
}

// left gives the paths below a prefix that were sent more than was taken.
func (a *App) left(prefix string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var paths []string
	for path, got := range a.got {
		if strings.HasPrefix(path, prefix) && len(got) > 0 {
			paths = append(paths, path)
			delete(a.got, path)
		}
	}
	slices.Sort(paths)
	return paths
}
