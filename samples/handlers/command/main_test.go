package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCategorise(t *testing.T) {
	cases := map[string]struct{ reason, body, want string }{
		"meal":   {"by a word in it", `{"what":"Lunch with Bob","id":"a"}`, `"category":"meals","id":"a"`},
		"other":  {"what no word tells", `{"what":"a yacht"}`, `"category":"other"`},
		"broken": {"the answer says why", `null`, "not a claim"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			categorise(w, httptest.NewRequest("POST", "/", strings.NewReader(tc.body)))
			if !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%s: got %s", tc.reason, w.Body)
			}
		})
	}
}
