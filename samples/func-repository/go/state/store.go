package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// errChanged says that the value is not the one that was loaded any more.
var errChanged = errors.New("the value has changed")

// store keeps the number of visits. What is saved replaces the version that was
// loaded, or nothing.
type store interface {
	load(context.Context) (n int64, version string, err error)
	save(ctx context.Context, n int64, version string) error
}

type memoryStore struct {
	mu sync.Mutex
	n  int64
}

func (s *memoryStore) load(context.Context) (int64, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, strconv.FormatInt(s.n, 10), nil
}

func (s *memoryStore) save(_ context.Context, n int64, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version != strconv.FormatInt(s.n, 10) {
		return errChanged
	}
	s.n = n
	return nil
}

// daprStore is a state store behind Dapr's HTTP API, whose etags are versions.
type daprStore struct{ url, token string }

const key = "visits"

func (s *daprStore) load(ctx context.Context) (n int64, version string, err error) {
	resp, body, err := s.call(ctx, http.MethodGet, s.url+"/"+key, nil)
	if err != nil || resp.StatusCode == http.StatusNoContent {
		return 0, "", err
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return 0, "", fmt.Errorf("state %s: %w", key, err)
	}
	return n, resp.Header.Get("ETag"), nil
}

func (s *daprStore) save(ctx context.Context, n int64, version string) error {
	item := map[string]any{"key": key, "value": n, "options": map[string]string{"concurrency": "first-write"}}
	if version != "" {
		item["etag"] = version
	}
	body, err := json.Marshal([]any{item})
	if err != nil {
		return err
	}
	_, _, err = s.call(ctx, http.MethodPost, s.url, body)
	return err
}

func (s *daprStore) call(ctx context.Context, method, url string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dapr-Api-Token", s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, nil, err
	case resp.StatusCode == http.StatusConflict:
		return nil, nil, errChanged
	case resp.StatusCode >= http.StatusBadRequest:
		return nil, nil, fmt.Errorf("the state store answers %s: %s", resp.Status, answer)
	}
	return resp, answer, nil
}
