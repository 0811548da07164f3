package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestRun(t *testing.T) {
	var ids []string
	good := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var o shop.Order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil || r.URL.Path != "/orders" {
			t.Errorf("%s %v", r.URL, err)
		}
		ids = append(ids, r.Header.Get("Idempotency-Key"))
		if o.Check() == nil {
			good++
		}
	}))
	defer srv.Close()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-to", srv.URL, "-n", "10", "-rate", "1e6", "-id", "o-"}, &out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ids, " "); got != "o-1 o-2 o-3 o-4 o-5 o-6 o-7 o-8 o-9 o-10" {
		t.Errorf("ids = %s", got)
	}
	if good != 9 { // one lacks fields; the rest is for validateInventory to refuse
		t.Errorf("%d orders are complete, want 9", good)
	}
	if strings.Count(out.String(), "\n") != 10 {
		t.Errorf("output:\n%s", &out)
	}
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		reason string
		args   []string
	}{
		"elsewhere": {"orders are for this machine only", []string{"-to", "http://shop.example"}},
		"none":      {"nothing to do", []string{"-n", "0"}},
		"kind":      {"not a kind", []string{"-kind", "odd"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), tc.args, new(bytes.Buffer)); err == nil {
				t.Errorf("%s: no error", tc.reason)
			}
		})
	}
}
