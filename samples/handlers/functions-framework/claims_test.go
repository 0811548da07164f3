package claims

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestConvert(t *testing.T) {
	cases := map[string]struct {
		reason, currency string
		euros            float64
		verdict          string
	}{
		"euros":   {"they stay as they are", "EUR", 10, ""},
		"dollars": {"to the cent", "USD", 8, ""},
		"shells":  {"nobody can say what they are worth", "shells", 0, "refuse"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := convert(Claim{Amount: 10, Currency: tc.currency})
			if err != nil || got.Euros != tc.euros || got.Verdict != tc.verdict {
				t.Errorf("%s: got %+v, %v", tc.reason, got, err)
			}
		})
	}
}

func TestRates(t *testing.T) {
	w := httptest.NewRecorder()
	rates(w, nil)
	if !strings.Contains(w.Body.String(), `"JPY":160`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestAudit(t *testing.T) {
	e := event.New()
	if err := e.SetData(event.ApplicationJSON, map[string]string{"id": "a", "to": "Ada"}); err != nil {
		t.Fatal(err)
	}
	if err := audit(t.Context(), e); err != nil {
		t.Error(err)
	}
	if err := e.SetData(event.ApplicationJSON, "no letter"); err != nil {
		t.Fatal(err)
	}
	if err := audit(t.Context(), e); err == nil {
		t.Error("what is no letter is none")
	}
}
