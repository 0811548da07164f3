package function

import (
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestHandle(t *testing.T) {
	cases := map[string]struct{ reason, claim, want string }{
		"within":  {"a claim up to the limit is paid", `{"category":"meals","euros":60}`, `"verdict":"pay"`},
		"above":   {"one above it is not", `{"category":"meals","euros":60.5}`, `60.50 euros are more than 60.00 for meals`},
		"unknown": {"what has no limit is not paid", `{"euros":1}`, `\"\" is no category`},
		"refused": {"an earlier verdict stands", `{"verdict":"refuse","reason":"late"}`, `"reason":"late"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := event.New()
			e.SetID("1")
			if err := e.SetData(event.ApplicationJSON, []byte(tc.claim)); err != nil {
				t.Fatal(err)
			}
			out, err := Handle(e)
			if err != nil || !strings.Contains(string(out.Data()), tc.want) {
				t.Errorf("%s: got %v, %v", tc.reason, out, err)
			}
		})
	}
	if _, err := Handle(event.New()); err == nil {
		t.Error("an event without data is no claim")
	}
}
