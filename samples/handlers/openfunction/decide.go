// Package decide is a function of OpenFunction. It imports only OpenFunction's
// framework.
package decide

import (
	"encoding/json"
	"fmt"

	ofctx "github.com/OpenFunction/functions-framework-go/context"
)

// Decide sends a claim on: to pay if it is to be paid, else to letter.
func Decide(ctx ofctx.Context, in []byte) (ofctx.Out, error) {
	var claim struct{ ID, Verdict string }
	if err := json.Unmarshal(in, &claim); err != nil {
		return ctx.ReturnOnInternalError(), fmt.Errorf("not a claim: %w", err)
	}
	to := "letter"
	if claim.Verdict == "pay" {
		to = "pay"
	}
	if _, err := ctx.Send(to, in); err != nil {
		return ctx.ReturnOnInternalError(), err
	}
	return ctx.ReturnOnSuccess().WithData([]byte("sent to " + to)), nil
}
