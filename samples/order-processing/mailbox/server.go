package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Times of a server.
const (
	tryEvery = 100 * time.Millisecond
	// sayAfter is how long an address may be taken before it is an error: the
	// process that this one replaces may still have it.
	sayAfter = 3 * time.Second
	finish   = 5 * time.Second // for mail under way when the server stops
)

// most is how many messages one answer holds.
const most = 1000

// Server takes mail at an address and answers, over HTTP, what it has got.
type Server struct {
	addr string
	file *File

	mu   sync.Mutex
	smtp *smtp.Server
	err  error // why no mail is taken, nil once it is

	cancel context.CancelFunc
	done   chan struct{}
}

// Start takes mail at addr and keeps it in file. If the address is taken it
// goes on trying, says so in the log, and so does what Server answers, so that
// mail for one mesh does not go to another's box unnoticed.
func Start(addr string, file *File) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{addr: addr, file: file, cancel: cancel, done: make(chan struct{})}
	s.listen()
	go s.run(ctx)
	return s
}

func (s *Server) listen() bool {
	l, err := net.Listen("tcp", s.addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err != nil {
		s.err = inUse(s.addr, err)
		return false
	}
	s.smtp = Serve(l, s.file.Keep)
	s.addr = l.Addr().String()
	slog.Debug("taking mail", "address", s.addr)
	return true
}

func (s *Server) run(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(tryEvery)
	defer tick.Stop()
	started, said := time.Now(), false
	for s.problem() != nil && !s.listen() {
		if !said && time.Since(started) > sayAfter {
			said = true
			slog.Error(s.problem().Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Addr is where mail is taken.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Stop takes no more mail; what is under way is finished.
func (s *Server) Stop() error {
	s.cancel()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.smtp == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), finish)
	defer cancel()
	return s.smtp.Shutdown(ctx)
}

// ServeHTTP answers the latest mail as a JSON list, the newest first: up to n
// (20 by default), of those that contain q.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.problem(); err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	n := 20
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > most {
			answer(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("n is %q: 1 to %d messages", text, most)})
			return
		}
	}
	found, err := s.file.Latest(n, r.URL.Query().Get("q"))
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, found)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	_ = out.Encode(v) // the client has gone: nobody to tell
}
