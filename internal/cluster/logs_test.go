package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// A logServer is the part of an API server that has pods and their logs. Each
// log is opened as often as it has texts, and the last one stays open.
type logServer struct {
	// pods of one look after the other; "" does not answer. The last stays. The
	// container of a pod with a minus sign has ended.
	looks []string
	logs  map[string][]string // by pod
	// refuses is a status for whoever wants a log.
	refuses int

	mu    sync.Mutex
	asked []string
}

// cut ends a text whose connection breaks, end one that is all.
const (
	cut = "<cut>"
	end = "<end>"
)

func (s *logServer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(code int, kind string, body io.Reader) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(body), Request: r}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, isLog := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/default/pods/"), "/log")
	if !isLog {
		look := s.looks[0]
		if len(s.looks) > 1 {
			s.looks = s.looks[1:]
		}
		if look == "" {
			return nil, errors.New("connection refused")
		}
		var items []any
		for _, name := range strings.Fields(look) {
			state := map[string]any{"running": map[string]any{"startedAt": "2026-01-02T03:04:00Z"}}
			name, ended := strings.CutSuffix(name, "-")
			if ended {
				state = map[string]any{"terminated": map[string]any{"exitCode": 0}}
			}
			items = append(items, map[string]any{
				"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name},
				"status": map[string]any{"containerStatuses": []any{map[string]any{"name": "c", "containerID": "id-" + name, "state": state}}},
			})
		}
		text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "PodList", "items": items})
		if err != nil {
			return nil, err
		}
		return answer(http.StatusOK, "application/json", bytes.NewReader(text))
	}
	if s.refuses != 0 {
		return answer(s.refuses, "text/plain", strings.NewReader(""))
	}
	query := r.URL.Query()
	s.asked = append(s.asked, pod+" tail="+query.Get("tailLines")+" since="+query.Get("sinceTime"))
	texts := s.logs[pod]
	if len(texts) == 0 {
		return nil, errors.New("nothing is left")
	}
	s.logs[pod] = texts[1:]
	if text, broken := strings.CutSuffix(texts[0], cut); broken {
		return answer(http.StatusOK, "text/plain", io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	if text, whole := strings.CutSuffix(texts[0], end); whole {
		return answer(http.StatusOK, "text/plain", strings.NewReader(text))
	}
	return answer(http.StatusOK, "text/plain", io.MultiReader(strings.NewReader(texts[0]), waiting{r.Context()}))
}

// waiting is a log to which nothing is added.
type waiting struct{ ctx context.Context }

func (w waiting) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

// TestFollow: logs that are followed go on, or an error says why not.
func TestFollow(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		server *logServer
		query  LogQuery
		asked  []string
		lines  []string
		failed func(error) bool
	}{
		"forbidden": {
			reason: "the user may list pods and not read their logs",
			server: &logServer{looks: []string{"a"}, refuses: http.StatusForbidden}, failed: apierrors.IsForbidden,
		},
		"unauthorized": {
			reason: "the credentials have expired",
			server: &logServer{looks: []string{"a"}, refuses: http.StatusUnauthorized}, failed: apierrors.IsUnauthorized,
		},
		"broken": {
			reason: "a stream goes on after its last whole line",
			server: &logServer{looks: []string{"a"}, logs: map[string][]string{"a": {
				"2026-01-02T03:04:05.1Z one\n2026-01-02T03:04:05.2Z two\n2026-01-02T03:04:05.3Z thr" + cut,
				"2026-01-02T03:04:05.1Z one\n2026-01-02T03:04:05.2Z two\n2026-01-02T03:04:05.3Z three\n",
			}}},
			query: LogQuery{Most: 5},
			asked: []string{"a tail=5 since=", "a tail= since=2026-01-02T03:04:05Z"},
			lines: []string{"one", "two", "three"},
		},
		"broken early": {
			reason: "a stream without a line begins as it would have",
			server: &logServer{looks: []string{"a"}, logs: map[string][]string{"a": {cut, "2026-01-02T03:04:05.1Z one\n"}}},
			query:  LogQuery{Most: 5, Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
			asked:  []string{"a tail=5 since=2026-01-02T00:00:00Z", "a tail=5 since=2026-01-02T00:00:00Z"},
			lines:  []string{"one"},
		},
		"ended": {
			reason: "the log of a container that has ended is read once",
			server: &logServer{looks: []string{"a-"}, logs: map[string][]string{"a": {"2026-01-02T03:04:05Z one\n" + end, "2026-01-02T03:04:06Z two\n"}}},
			asked:  []string{"a tail= since="},
			lines:  []string{"one"},
		},
		"kubelet": {
			reason: "the kubelet starts anew, and the container goes on",
			server: &logServer{looks: []string{"a"}, logs: map[string][]string{"a": {
				"2026-01-02T03:04:05Z one\n" + end, "2026-01-02T03:04:05Z one\n2026-01-02T03:04:06Z two\n",
			}}},
			asked: []string{"a tail= since=", "a tail= since=2026-01-02T03:04:05Z"},
			lines: []string{"one", "two"},
		},
		"broken at its end": {
			reason: "what a container wrote before it ended is read, though the stream broke",
			server: &logServer{looks: []string{"a", "a", "a-"}, logs: map[string][]string{"a": {
				end, "2026-01-02T03:04:05Z one\n" + cut, "2026-01-02T03:04:05Z one\n2026-01-02T03:04:06Z two\n" + end, "",
			}}},
			asked: []string{"a tail= since=", "a tail= since=", "a tail= since=2026-01-02T03:04:05Z"},
			lines: []string{"one", "two"},
		},
		"away": {
			reason: "the API server starts anew, and a pod comes meanwhile, of which all is new",
			server: &logServer{looks: []string{"a", "", "a b"}, logs: map[string][]string{
				"a": {"2026-01-02T03:04:05.1Z one\n"}, "b": {"2026-01-02T03:04:06Z two\n2026-01-02T03:04:07Z three\n"},
			}},
			query: LogQuery{Most: 1},
			asked: []string{"a tail=1 since=", "b tail= since="},
			lines: []string{"one", "two", "three"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := connect(&rest.Config{Host: "http://cluster.example", Transport: tc.server}, "default")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*newPodsEvery)
				defer cancel()
				query := tc.query
				query.Mesh, query.Follow = "shop", true
				var lines []string
				err = c.Logs(ctx, query, func(l LogLine) { lines = append(lines, string(l.Text)) })
				if (err != nil) != (tc.failed != nil) || err != nil && !tc.failed(err) {
					t.Errorf("%s: %v", tc.reason, err)
				}
				if diff := cmp.Diff(tc.lines, lines); diff != "" {
					t.Errorf("%s: lines (-want +got):\n%s", tc.reason, diff)
				}
				if diff := cmp.Diff(tc.asked, tc.server.asked); diff != "" {
					t.Errorf("%s: asked for (-want +got):\n%s", tc.reason, diff)
				}
			})
		})
	}
}
