package builder

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// openSource has two handlers, of which FUNC_NAME chooses one.
const openSource = `
-- functions/hello/f.go --
package greet

import ("errors"; "strings"; ofctx "github.com/OpenFunction/functions-framework-go/context")

func Other(c ofctx.Context, in []byte) (ofctx.Out, error) { panic("not chosen") }

func Called(c ofctx.Context, in []byte) (ofctx.Out, error) {
	switch string(in) {
	case "\"fail\"":
		return nil, errors.New("no")
	case "\"drop\"":
		out := c.ReturnOnInternalError().GetOut()
		out.Metadata = map[string]string{"retry": "false"}
		return out, errors.New("never")
	case "\"send\"":
		_, err := c.Send("bus", in)
		return c.ReturnOnSuccess(), err
	case "\"emit\"":
		_, err := c.Send("next", in)
		return c.ReturnOnSuccess(), err
	}
	said := []string{c.GetInputName(), string(in)}
	if e := c.GetBindingEvent(); e != nil {
		said = append(said, "binding", e.Metadata["Readtimeutc"])
	}
	if e := c.GetTopicEvent(); e != nil {
		said = append(said, "topic", e.PubsubName, e.Topic)
	}
	return c.ReturnOnSuccess().WithData([]byte(strings.Join(said, " "))), nil
}
`

const openContext = `FUNC_CONTEXT={"name":"hello","version":"v1","runtime":"Async",` +
	`"inputs":{"clock":{"uri":"clock","componentName":"clock","componentType":"bindings.cron"},` +
	`"in":{"uri":"orders","componentName":"bus","componentType":"pubsub.in-memory"}},` +
	`"outputs":{"bus":{"uri":"done","componentName":"bus","componentType":"pubsub.in-memory"},` +
	`"files":{"uri":"files","componentName":"files","componentType":"bindings.kafka"}}}`

// TestOpenFunctionContext runs a handler with inputs and outputs of Dapr's: it
// tells Dapr of them, knows by which it is called, and answers in Dapr's words.
func TestOpenFunctionContext(t *testing.T) {
	root := handlerProject(t, openSource, of, ctx, ce, "github.com/dapr/go-sdk/service/common", "github.com/dapr/go-sdk/client")
	req := requests(root, "hello")[0]
	req.Env = append(environment(), "FUNC_NAME=called")
	r := (&Go{Root: root}).Build(context.Background(), req)[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	s := serve(t, r.Binary, openContext, "DAPR_GRPC_ENDPOINT=http://127.0.0.1:1", "DAPR_CLIENT_TIMEOUT_SECONDS=1")
	topic := func(data string) exchange {
		return exchange{method: "POST", path: "/in", header: map[string]string{"Content-Type": "application/cloudevents+json", "Weft-Token": "token"},
			body: `{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"application/json","data":` + data + `}`, status: 200}
	}
	with := func(e exchange, status int, want ...string) exchange { e.status, e.want = status, want; return e }
	for name, tc := range map[string]struct {
		reason string
		call   exchange
	}{
		"subscriptions":  {"topics are told", exchange{method: "GET", path: "/dapr/subscribe", status: 200, want: []string{`[{"pubsubname":"bus","topic":"orders","route":"/in"}]`}}},
		"input":          {"a binding that is an input is wanted", exchange{method: "OPTIONS", path: "/clock", status: 200}},
		"output":         {"one that is an output only is not", exchange{method: "OPTIONS", path: "/files", status: 404}},
		"binding":        {"its event is a call by that input", exchange{method: "POST", path: "/clock", header: map[string]string{"Readtimeutc": "now"}, status: 200, want: []string{"clock  binding now"}}},
		"topic":          {"what the handler answers is not for Dapr", with(topic(`"x"`), 200, `{"status":"SUCCESS"}`)},
		"failure":        {"an error has the event come again", with(topic(`"fail"`), 500, "no")},
		"final":          {"a final one drops it, and says why", with(topic(`"drop"`), 200, `"status":"DROP"`, `"error":"never"`)},
		"no Dapr":        {"what cannot be sent is an error that names the output and where Dapr was looked for", with(topic(`"send"`), 500, "send to bus: the Dapr API at 127.0.0.1:1")},
		"request":        {"any other path is a request", exchange{method: "POST", path: "/", body: `"x"`, status: 200, want: []string{` "x"`}}},
		"input by GET":   {"and so is another method", exchange{method: "GET", path: "/clock", status: 200}},
		"final binding":  {"a binding is answered by status", exchange{method: "POST", path: "/clock", body: `"fail"`, status: 500, want: []string{"no"}}},
		"of the mesh":    {"a delivery of the mesh is by the function that it comes from", exchange{method: "POST", path: "/", event: true, body: `"x"`, status: 200, want: []string{`ingest "x" topic  hello`}}},
		"to the mesh":    {"an output that nothing names is a function of the mesh", exchange{method: "POST", path: "/", event: true, body: `"emit"`, status: 200, want: []string{`"weftto":"next"`}}},
		"other OPTIONS ": {"any other is for the handler", exchange{method: "OPTIONS", path: "/x", status: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.do(tc.call)
			if t.Failed() {
				t.Log(tc.reason)
			}
		})
	}
	s.t = t
	s.stop()

	for name, tc := range map[string]struct{ reason, given, want string }{
		"no JSON":   {"it says where", "{", "weft function: FUNC_CONTEXT: unexpected end of JSON input"},
		"no input":  {"an input without a component can never be called", `{"inputs":{"a":{}}}`, "the input a names no component"},
		"no output": {"nor can an output be sent to", `{"outputs":{"a":null}}`, "the output a names no component"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(r.Binary)
			var stderr bytes.Buffer
			cmd.Env, cmd.Stderr = []string{"PORT=0", "FUNC_CONTEXT=" + tc.given}, &stderr
			err := cmd.Run()
			if _, exited := errors.AsType[*exec.ExitError](err); !exited || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("%s: %v: %s", tc.reason, err, &stderr)
			}
		})
	}
}
