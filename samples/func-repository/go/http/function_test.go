package function

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHandle(t *testing.T) {
	t.Setenv("GREETING", "Hi")
	for name, tc := range map[string]struct {
		reason, method, path string
		status               int
		body                 string
	}{
		"name":    {"the name of the query", http.MethodGet, "/?name=Ada", http.StatusOK, `{"message":"Hi, Ada!"}` + "\n"},
		"no name": {"everyone", http.MethodGet, "/", http.StatusOK, `{"message":"Hi, world!"}` + "\n"},
		"post":    {"it is asked, not told", http.MethodPost, "/", http.StatusMethodNotAllowed, "ask with GET\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handle(w, httptest.NewRequest(tc.method, tc.path, nil))
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("%s: got %d %q", tc.reason, w.Code, w.Body)
			}
		})
	}
}
