package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Error is an answer of the engine that is not 2xx.
type Error struct {
	StatusCode int
	Problem    Problem
}

func (e *Error) Error() string { return e.Problem.Error }

// Hint says what to do about it; it may be empty.
func (e *Error) Hint() string { return e.Problem.Hint }

// maxProblem bounds how much of a failed answer is read.
const maxProblem = 64 << 10

// Client calls the admin API of one engine. It is safe for concurrent use.
type Client struct {
	run  Run
	path string
	http *http.Client
}

// Open returns a client of the engine that runs on a data directory. Errors
// are those of ReadRun; nothing is sent yet.
func Open(dir string) (*Client, error) {
	run, err := ReadRun(dir)
	if err != nil {
		return nil, err
	}
	return NewClient(run, filepath.Join(dir, RunFile)), nil
}

// NewClient returns a client of the engine that run describes; path names the
// run.json for error messages.
func NewClient(run Run, path string) *Client {
	return &Client{
		run:  run,
		path: path,
		http: &http.Client{Transport: &http.Transport{
			// The engine is on this machine: no proxy leads to it.
			Proxy:       nil,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		}},
	}
}

// Run describes the engine.
func (c *Client) Run() Run { return c.run }

// Status of the engine, its functions and links.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/status", nil)
}

// Environment is what a function's process is given; it holds secrets.
func (c *Client) Environment(ctx context.Context, function string) (Environment, error) {
	return call[Environment](ctx, c, http.MethodGet, "/functions/"+url.PathEscape(function)+"/environment", nil)
}

// Invoke calls a function. A call that failed is no error of Invoke: the
// response says so.
func (c *Client) Invoke(ctx context.Context, function string, req InvokeRequest) (InvokeResponse, error) {
	return call[InvokeResponse](ctx, c, http.MethodPost, "/functions/"+url.PathEscape(function)+"/invoke", req)
}

// LogFilter chooses log entries; a zero field does not choose.
type LogFilter struct {
	Function, Level, Trace string
	Since                  time.Time
	// Follow keeps the stream open for entries to come.
	Follow bool
	// Most is the number of past entries, the latest; 0 for the engine's
	// default.
	Most int
}

// Logs calls yield for each entry, oldest first, until the stream ends, yield
// returns an error, or ctx ends.
func (c *Client) Logs(ctx context.Context, f LogFilter, yield func(LogEntry) error) error {
	q := make(url.Values)
	set(q, "function", f.Function)
	set(q, "level", f.Level)
	set(q, "trace", f.Trace)
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if f.Follow {
		q.Set("follow", "true")
	}
	if f.Most > 0 {
		q.Set("most", strconv.Itoa(f.Most))
	}
	resp, err := c.do(ctx, http.MethodGet, "/logs?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var e LogEntry
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
			return errors.New("the engine stopped while its logs were read")
		case err != nil:
			return fmt.Errorf("log stream of the engine: %w", err)
		}
		if err := yield(e); err != nil {
			return err
		}
	}
}

// DeadLetters lists dead letters, of one function unless it is "", at most
// most unless that is 0.
func (c *Client) DeadLetters(ctx context.Context, function string, most int) ([]DeadLetter, error) {
	q := make(url.Values)
	set(q, "function", function)
	if most > 0 {
		q.Set("most", strconv.Itoa(most))
	}
	return call[[]DeadLetter](ctx, c, http.MethodGet, "/dlq?"+q.Encode(), nil)
}

// DeadLetter returns one dead letter with its event.
func (c *Client) DeadLetter(ctx context.Context, id string) (DeadLetter, error) {
	return call[DeadLetter](ctx, c, http.MethodGet, "/dlq/"+url.PathEscape(id), nil)
}

// EditDeadLetter replaces the data of a dead letter's event.
func (c *Client) EditDeadLetter(ctx context.Context, id string, data json.RawMessage) error {
	_, err := call[none](ctx, c, http.MethodPut, "/dlq/"+url.PathEscape(id), map[string]json.RawMessage{"data": data})
	return err
}

// Redrive puts a dead letter back into its function's queue and returns the id
// that its event has from now on.
func (c *Client) Redrive(ctx context.Context, id string) (string, error) {
	r, err := call[struct {
		ID string `json:"id"`
	}](ctx, c, http.MethodPost, "/dlq/"+url.PathEscape(id)+"/redrive", nil)
	return r.ID, err
}

// Drop removes a dead letter for good.
func (c *Client) Drop(ctx context.Context, id string) error {
	_, err := call[none](ctx, c, http.MethodDelete, "/dlq/"+url.PathEscape(id), nil)
	return err
}

// Traces lists the latest traces, newest first.
func (c *Client) Traces(ctx context.Context, most int) ([]Trace, error) {
	q := make(url.Values)
	if most > 0 {
		q.Set("most", strconv.Itoa(most))
	}
	return call[[]Trace](ctx, c, http.MethodGet, "/traces?"+q.Encode(), nil)
}

// Trace returns the trace of a trace id, event id or business key.
func (c *Client) Trace(ctx context.Context, id string) (Trace, error) {
	return call[Trace](ctx, c, http.MethodGet, "/traces/"+url.PathEscape(id), nil)
}

// Delete stops the engine and removes the mesh's queues and dead letters. The
// engine refuses while events are left, unless force is set.
func (c *Client) Delete(ctx context.Context, force bool) error {
	_, err := call[none](ctx, c, http.MethodPost, "/delete?force="+strconv.FormatBool(force), nil)
	return err
}

// Stop drains the engine and stops it.
func (c *Client) Stop(ctx context.Context) error {
	_, err := call[none](ctx, c, http.MethodPost, "/stop", nil)
	return err
}

// none is the answer of calls whose body says nothing.
type none struct{}

func call[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var answer T
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	if _, empty := any(answer).(none); empty {
		_, err := io.Copy(io.Discard, resp.Body)
		return answer, err
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("answer of the engine to %s %s: %w", method, path, err)
	}
	return answer, nil
}

func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.run.Admin, "/")+"/api/v1"+path, r)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.run.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, &StaleError{Path: c.path, PID: c.run.PID, Reason: "does not listen at " + c.run.Admin}
	case err != nil:
		return nil, fmt.Errorf("engine at %s: %w", c.run.Admin, err)
	case resp.StatusCode/100 == 2:
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(resp)
}

// problem reads what a failed answer says.
func problem(resp *http.Response) error {
	e := &Error{StatusCode: resp.StatusCode}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil || json.Unmarshal(b, &e.Problem) != nil || e.Problem.Error == "" {
		e.Problem = Problem{Error: fmt.Sprintf("the engine answered %s: %s", resp.Status, strings.TrimSpace(string(b)))}
	}
	if resp.StatusCode == http.StatusUnauthorized && e.Problem.Hint == "" {
		e.Problem.Hint = "the address of run.json belongs to another program or engine; restart the engine with: weft up"
	}
	return e
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
}

func set(q url.Values, key, value string) {
	if value != "" {
		q.Set(key, value)
	}
}
