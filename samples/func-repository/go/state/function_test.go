package function

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// dapr is a state store with one value, as Dapr's API has it.
type dapr struct {
	mu   sync.Mutex
	n    int64
	etag int
}

func (d *dapr) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Dapr-Api-Token") != "token" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet {
		if d.etag == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("ETag", strconv.Itoa(d.etag))
		_ = json.NewEncoder(w).Encode(d.n)
		return
	}
	var items []struct {
		Value int64
		Etag  string
	}
	if err := json.NewDecoder(r.Body).Decode(&items); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if want := strconv.Itoa(d.etag); items[0].Etag != want && (items[0].Etag != "" || d.etag != 0) {
		http.Error(w, "etag", http.StatusConflict)
		return
	}
	d.n, d.etag = items[0].Value, d.etag+1
	w.WriteHeader(http.StatusNoContent)
}

func TestCounter(t *testing.T) {
	server := httptest.NewServer(&dapr{})
	defer server.Close()
	for name, settings := range map[string]map[string]string{
		"memory": {},
		"dapr":   {"DAPR_HTTP_ENDPOINT": server.URL, "DAPR_API_TOKEN": "token"},
	} {
		t.Run(name, func(t *testing.T) {
			c := New()
			if ready, _ := c.Ready(t.Context()); ready {
				t.Error("ready before its start")
			}
			if err := c.Start(t.Context(), settings); err != nil {
				t.Fatal(err)
			}
			const callers, calls = 4, 5
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range calls {
						w := httptest.NewRecorder()
						if c.Handle(w, httptest.NewRequest(http.MethodPost, "/", nil)); w.Code != http.StatusOK {
							t.Errorf("got %d: %s", w.Code, w.Body)
						}
					}
				})
			}
			all.Wait()
			n, _, err := c.visits.load(t.Context())
			if err != nil || n != callers*calls {
				t.Errorf("counted %d, %v", n, err)
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if ready, _ := c.Ready(t.Context()); ready {
				t.Error("ready after its end")
			}
		})
	}
}
