package remind

import (
	"context"
	"strings"
	"testing"

	ofctx "github.com/OpenFunction/functions-framework-go/context"
	"github.com/dapr/go-sdk/service/common"
)

// called is a context of a call by an input, that notes what is sent.
type called struct {
	ofctx.FunctionContext
	by, sent string
}

func (c *called) GetNativeContext() context.Context { return context.Background() }

func (c *called) GetInputName() string { return c.by }

func (c *called) GetBindingEvent() *common.BindingEvent { return &common.BindingEvent{} }

func (c *called) ContextOptions() ofctx.ContextOption { return nil }

func (c *called) Send(output string, data []byte) ([]byte, error) {
	c.sent = output + " " + string(data)
	return nil, nil
}

func TestRemind(t *testing.T) {
	cases := map[string]struct {
		reason, by, sent string
		code             int
	}{
		"clock": {"the clock makes a reminder", "clock", `reminders {"asked":"","text":"look`, 200},
		"topic": {"a reminder is written down as it is", "reminders", "diary hello", 200},
		"other": {"what nobody knows is an error", "door", "", 500},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := &called{by: tc.by}
			out, err := Remind(c, []byte("hello"))
			if out.GetCode() != tc.code || (err != nil) != (tc.code == 500) || !strings.HasPrefix(c.sent, tc.sent) {
				t.Errorf("%s: answered %d, %v, sent %q", tc.reason, out.GetCode(), err, c.sent)
			}
		})
	}
}
