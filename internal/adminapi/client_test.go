package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClientRequests(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := map[string]struct {
		reason string
		answer string
		call   func(*Client) error
		want   string // method, URI and body
	}{
		"Status": {"GET without a body", `{"mesh":"m"}`,
			func(c *Client) error { _, err := c.Status(context.Background()); return err },
			"GET /api/v1/status "},
		"Invoke": {"the function's name is escaped", `{}`,
			func(c *Client) error {
				_, err := c.Invoke(context.Background(), "a b", InvokeRequest{Data: json.RawMessage(`{"n":1}`)})
				return err
			},
			`POST /api/v1/functions/a%20b/invoke {"data":{"n":1}}`},
		"Logs": {"every filter is sent, the time in UTC", "",
			func(c *Client) error {
				return c.Logs(context.Background(), LogFilter{Function: "f", Level: "warn", Trace: "t", Since: since, Follow: true, Most: 5}, nil)
			},
			"GET /api/v1/logs?follow=true&function=f&level=warn&most=5&since=2026-01-02T03%3A04%3A05Z&trace=t "},
		"DeadLetters": {"filters that are not set are not sent", `[]`,
			func(c *Client) error { _, err := c.DeadLetters(context.Background(), "f", 0); return err },
			"GET /api/v1/dlq?function=f "},
		"DeadLetter": {"a slash in an id stays in its segment", `{}`,
			func(c *Client) error { _, err := c.DeadLetter(context.Background(), "f/7"); return err },
			"GET /api/v1/dlq/f%2F7 "},
		"Edit": {"the new data", "",
			func(c *Client) error {
				return c.EditDeadLetter(context.Background(), "7", json.RawMessage(`{"ok":true}`))
			},
			`PUT /api/v1/dlq/7 {"data":{"ok":true}}`},
		"Redrive": {"the id is in the path", `{"id":"8"}`,
			func(c *Client) error { _, err := c.Redrive(context.Background(), "7"); return err },
			"POST /api/v1/dlq/7/redrive "},
		"Drop": {"the id is in the path", "",
			func(c *Client) error { return c.Drop(context.Background(), "7") },
			"DELETE /api/v1/dlq/7 "},
		"Traces": {"the bound is sent", `[]`,
			func(c *Client) error { _, err := c.Traces(context.Background(), 20); return err },
			"GET /api/v1/traces?most=20 "},
		"Trace": {"any key", `{}`,
			func(c *Client) error { _, err := c.Trace(context.Background(), "order 1"); return err },
			"GET /api/v1/traces/order%201 "},
		"Delete": {"force is always said", "",
			func(c *Client) error { return c.Delete(context.Background(), true) },
			"POST /api/v1/delete?force=true "},
		"Stop": {"no body", "",
			func(c *Client) error { return c.Stop(context.Background()) },
			"POST /api/v1/stop "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer secret" {
					t.Error("the token of run.json is sent with every request")
				}
				b, _ := io.ReadAll(r.Body)
				got = r.Method + " " + r.RequestURI + " " + string(b)
				io.WriteString(w, tc.answer)
			}))
			defer srv.Close()
			if err := tc.call(NewClient(Run{Admin: srv.URL + "/", Token: "secret"}, "run.json")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		status int
		body   string
		want   Problem
	}{
		"Problem":      {"the engine's own words and hint", 409, `{"error":"3 events are left","hint":"--force"}`, Problem{"3 events are left", "--force"}},
		"NotJSON":      {"an answer of something else is shown", 502, "bad gateway\n", Problem{"the engine answered 502 Bad Gateway: bad gateway", ""}},
		"Unauthorized": {"another engine at the address is a likely cause", 401, `{"error":"wrong token"}`, Problem{"wrong token", "the address of run.json belongs to another program or engine; restart the engine with: weft up"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			}))
			defer srv.Close()
			_, err := NewClient(Run{Admin: srv.URL}, "run.json").Status(context.Background())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%s: got %v, want an *Error", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, e.Problem); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLogs(t *testing.T) {
	cases := map[string]struct {
		reason string
		handle func(http.ResponseWriter)
		want   []string
		fail   bool
	}{
		"Lines": {"entries come one by one",
			func(w http.ResponseWriter) { io.WriteString(w, "{\"message\":\"a\"}\n{\"message\":\"b\"}\n") },
			[]string{"a", "b"}, false},
		"Cut": {"an engine that goes away within a line is an error",
			func(w http.ResponseWriter) { io.WriteString(w, "{\"message\":\"a\"}\n{\"mess") },
			[]string{"a"}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tc.handle(w) }))
			defer srv.Close()
			var got []string
			err := NewClient(Run{Admin: srv.URL}, "run.json").Logs(context.Background(), LogFilter{}, func(e LogEntry) error {
				got = append(got, e.Message)
				return nil
			})
			if (err != nil) != tc.fail {
				t.Errorf("%s: error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadRun(t *testing.T) {
	gone := exec.Command(os.Args[0], "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	run := func(pid int, admin string) string {
		b, err := json.Marshal(Run{PID: pid, Admin: admin})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	cases := map[string]struct {
		reason  string
		content string
		engine  bool // an engine is found
		none    bool // the error is ErrNoEngine
		stale   bool // the error is a *StaleError
	}{
		"Missing": {"no file, no engine", "", false, true, false},
		"Alive":   {"the process of this test lives", run(os.Getpid(), "http://127.0.0.1:1"), true, false, false},
		"Gone":    {"a process that ended left it behind", run(gone.ProcessState.Pid(), "http://127.0.0.1:1"), false, true, true},
		"Garbage": {"a damaged file is told as such", "{", false, false, false},
		"Empty":   {"a file without a process is damaged too", "{}", false, false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.content != "" {
				if err := os.WriteFile(filepath.Join(dir, RunFile), []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := ReadRun(dir)
			var stale *StaleError
			if (err == nil) != tc.engine || errors.Is(err, ErrNoEngine) != tc.none || errors.As(err, &stale) != tc.stale {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	_, err := NewClient(Run{Admin: srv.URL, PID: os.Getpid()}, "run.json").Status(context.Background())
	var stale *StaleError
	if !errors.As(err, &stale) {
		t.Fatalf("an address where nothing listens means a stale run.json, got %v", err)
	}
}
