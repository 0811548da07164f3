package function

import (
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestHandle(t *testing.T) {
	for name, tc := range map[string]struct{ reason, data, want string }{
		"order":    {"lines add up", `{"lines": [{"count": 2, "price": 150}, {"count": 1, "price": 99}]}`, `{"cents":399}`},
		"empty":    {"no lines cost nothing", `{}`, `{"cents":0}`},
		"negative": {"is refused", `{"lines": [{"count": -1, "price": 1}]}`, ""},
		"no order": {"is refused", `"text"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := event.New()
			in.SetID("1")
			in.SetSource("test")
			in.SetType("order")
			if err := in.SetData(event.ApplicationJSON, []byte(tc.data)); err != nil {
				t.Fatal(err)
			}
			out, err := Handle(t.Context(), in)
			if (err != nil) != (tc.want == "") {
				t.Fatalf("%s: got error %v", tc.reason, err)
			}
			if err == nil && (string(out.Data()) != tc.want || out.ID() != "1-total") {
				t.Errorf("%s: got %s", tc.reason, out)
			}
		})
	}
}
