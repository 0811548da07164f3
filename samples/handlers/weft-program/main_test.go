package main

import (
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
)

func TestPay(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "pay", pay)
	for i, step := range []struct {
		reason, claim string
		want          int
	}{
		{"the first", "a", 1}, {"another", "b", 2}, {"the first, delivered again", "a", 1},
	} {
		got := fntest.OutputAs[Claim](t, h.Deliver(fntest.Event(Claim{ID: step.claim, Euros: 5})))
		if got.Payment != step.want {
			t.Errorf("%d, %s: payment %d, want %d", i, step.reason, got.Payment, step.want)
		}
	}
	if out := h.Deliver(fntest.Event(Claim{ID: "c"})); out.Kind != fntest.KindFinal {
		t.Errorf("nothing to pay: %+v", out)
	}
}
