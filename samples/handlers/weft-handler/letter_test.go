package letter

import (
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
)

func TestWrite(t *testing.T) {
	cases := map[string]struct {
		reason string
		claim  Claim
		want   string
	}{
		"paid":    {"it names the payment", Claim{ID: "a", Who: "Ada", What: "a train", Euros: 8, Payment: 3}, "Dear Ada, 8.00 euros for a train are on their way (payment 3)."},
		"refused": {"it says why", Claim{ID: "a", Who: "Ada", What: "a yacht", Reason: "no"}, "Dear Ada, we do not pay for a yacht: no."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			fntest.Typed(h, "letter", Write)
			if got := fntest.OutputAs[Letter](t, h.Deliver(fntest.Event(tc.claim))); got.Text != tc.want {
				t.Errorf("%s: got %q", tc.reason, got.Text)
			}
		})
	}
	h := fntest.New(t)
	fntest.Typed(h, "letter", Write)
	if out := h.Deliver(fntest.Event(Claim{})); out.Kind != fntest.KindFinal {
		t.Errorf("to nobody: %+v", out)
	}
}
