package decide

import (
	"context"
	"errors"
	"testing"

	ofctx "github.com/OpenFunction/functions-framework-go/context"
)

// sending is a context that notes where things are sent.
type sending struct {
	ofctx.FunctionContext
	to   string
	fail error
}

func (s *sending) GetNativeContext() context.Context { return context.Background() }

func (s *sending) ContextOptions() ofctx.ContextOption { return nil }

func (s *sending) Send(output string, _ []byte) ([]byte, error) {
	s.to = output
	return nil, s.fail
}

func TestDecide(t *testing.T) {
	full := errors.New("the queue is full")
	cases := map[string]struct {
		reason, claim string
		fail          error
		to            string
		code          int
	}{
		"pay":    {"what is to be paid is paid", `{"id":"a","verdict":"pay"}`, nil, "pay", 200},
		"refuse": {"anything else gets a letter", `{"id":"a","verdict":"refuse"}`, nil, "letter", 200},
		"broken": {"what is no claim goes nowhere", `{`, nil, "", 500},
		"full":   {"what could not be sent is tried again", `{"verdict":"pay"}`, full, "pay", 500},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx := &sending{fail: tc.fail}
			out, err := Decide(ctx, []byte(tc.claim))
			if ctx.to != tc.to || out.GetCode() != tc.code || (err != nil) != (tc.code == 500) {
				t.Errorf("%s: sent to %q, answered %d, %v", tc.reason, ctx.to, out.GetCode(), err)
			}
		})
	}
}
