package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSubmit(t *testing.T) {
	cases := map[string]struct {
		reason, body string
		status       int
		want         string
	}{
		"claim":    {"it gets the client's id", `{"who":"Ada","what":"train","amount":12,"currency":"EUR"}`, http.StatusOK, `"id":"a"`},
		"no JSON":  {"the answer says why", `{`, http.StatusBadRequest, "not a claim"},
		"too few":  {"the answer names the fields", `{"who":"Ada"}`, http.StatusBadRequest, "who, what, amount"},
		"negative": {"nobody claims a debt", `{"who":"Ada","what":"x","amount":-1,"currency":"EUR"}`, http.StatusBadRequest, "above 0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/claims", strings.NewReader(tc.body))
			r.Header.Set("Idempotency-Key", "a")
			submit(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%s: got %d %s, want %d with %q", tc.reason, w.Code, w.Body, tc.status, tc.want)
			}
		})
	}
}
