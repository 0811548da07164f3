// Package remind is an asynchronous function of OpenFunction: a clock and a
// topic call it, and it sends to a topic and a folder.
package remind

import (
	"encoding/json"
	"fmt"

	ofctx "github.com/OpenFunction/functions-framework-go/context"
)

// Remind is called by two inputs. The clock has it publish a reminder; the
// reminder, when it comes from the topic, is written down.
func Remind(ctx ofctx.Context, in []byte) (ofctx.Out, error) {
	var err error
	switch from := ctx.GetInputName(); from {
	case "clock":
		err = send(ctx, "reminders", map[string]string{"text": "look through the claims", "asked": ctx.GetBindingEvent().Metadata["Readtimeutc"]})
	case "reminders":
		_, err = ctx.Send("diary", in)
	default:
		err = fmt.Errorf("there is no input %q", from)
	}
	if err != nil {
		return ctx.ReturnOnInternalError(), err
	}
	return ctx.ReturnOnSuccess(), nil
}

func send(ctx ofctx.Context, to string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = ctx.Send(to, data)
	return err
}
