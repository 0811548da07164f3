package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) invokeCmd() *cobra.Command {
	var (
		engine  engineFlags
		data    string
		id, typ string
		noRoute bool
	)
	c := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "Call a function of the running mesh with an event.",
		Long: `Call a function of the running mesh with an event, as a link would, and route
what it outputs. The output goes to stdout; where it was routed and how long it
took, to stderr. With --cluster a front of the mesh calls it, to which a port is
forwarded.`,
		Example: `weft invoke validateInventory -d '{"orderId":"o-1","items":[]}'
weft invoke validateInventory -d @order.json
jq .order all.json | weft invoke validateInventory -d @- --no-route
weft invoke validateInventory -d @order.json --cluster -n shop`,
		Args: exactArgs("FUNCTION"),
		RunE: func(c *cobra.Command, args []string) error {
			body, err := a.readData(c, data)
			if err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				resp, err := client.Invoke(c.Context(), args[0], adminapi.InvokeRequest{ID: id, Type: typ, Data: body, NoRoute: noRoute})
				if err != nil {
					return err
				}
				return a.printInvoked(&engine, args[0], resp)
			})
		},
		ValidArgsFunction: engine.completeFunctions(1),
	}
	engine.addWithCluster(c)
	c.Flags().StringVarP(&data, "input", "d", "", "the event's `DATA`: JSON, @FILE, or @- for stdin")
	c.Flags().StringVar(&id, "id", "", "`ID` of the event (default a new one)")
	c.Flags().StringVar(&typ, "type", "", "CloudEvents `TYPE` of the event")
	c.Flags().BoolVar(&noRoute, "no-route", false, "do not route the output")
	return c
}

func (a *app) printInvoked(engine *engineFlags, function string, r adminapi.InvokeResponse) error {
	for _, out := range r.Output {
		if err := printJSON(a.Out, out); err != nil {
			return err
		}
	}
	took := millis(r.Milliseconds)
	if r.ColdMilliseconds > 0 {
		took += ", after a cold start of " + millis(r.ColdMilliseconds)
	}
	fmt.Fprintf(a.Err, "%s answered %d in %s\n", function, r.StatusCode, took)
	if len(r.Routed) > 0 {
		fmt.Fprintf(a.Err, "routed: %s\n", strings.Join(r.Routed, ", "))
	}
	fmt.Fprintf(a.Err, "trace:  %s\n", r.TraceID)
	if r.Error != "" {
		return withHint(fmt.Errorf("call of %s failed: %s", function, r.Error), "see its log: weft logs%s --function %s", engine.again(), function)
	}
	return nil
}

// readData reads the JSON that -d names; "" is none.
func (a *app) readData(c *cobra.Command, arg string) (json.RawMessage, error) {
	var (
		b    = []byte(arg)
		from = "-d"
		err  error
	)
	switch {
	case arg == "":
		return nil, nil
	case arg == "@-":
		from = "stdin"
		b, err = io.ReadAll(a.In)
	case strings.HasPrefix(arg, "@"):
		from = arg[1:]
		b, err = os.ReadFile(from)
	}
	if err != nil {
		return nil, fmt.Errorf("data of the event: %w", err)
	}
	if err := validJSON(b); err != nil {
		return nil, badUsage(c, "%s is not JSON: %w", from, err)
	}
	return b, nil
}

// validJSON says at which line and column b stops being JSON.
func validJSON(b []byte) error {
	var v any
	err := json.Unmarshal(b, &v)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	// The offset counts the bytes read, the offending one included.
	before := b[:max(0, min(int(syntax.Offset)-1, len(b)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return fmt.Errorf("%d:%d: %w", line, column, err)
}

// printJSON writes JSON indented, keeping the order of its fields.
func printJSON(w io.Writer, raw json.RawMessage) error {
	var buf bytes.Buffer
	if err := json.Indent(&buf, raw, "", "  "); err != nil {
		return fmt.Errorf("output is not JSON: %w", err)
	}
	buf.WriteByte('\n')
	_, err := w.Write(buf.Bytes())
	return err
}
