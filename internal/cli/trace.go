package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) traceCmd() *cobra.Command {
	var (
		engine engineFlags
		out    outputFlag
		most   int
	)
	c := &cobra.Command{
		Use:   "trace [ID|KEY]",
		Short: "Show the way of an event through the mesh.",
		Long: `Show the way of an event through the mesh as a tree: each call with its time,
what it waited for, and where its output went. ID is a trace id or an event id,
KEY a business key such as an order's. Without it, list the latest traces.

With --cluster these are the calls that one front of the mesh made and
remembers: those of other fronts, of dispatchers beside them, and of functions
that KEDA scales are not among them.`,
		Example: `weft trace
weft trace order-12345
weft trace order-12345 -o json`,
		Args: atMostOne("ID or KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				if len(args) == 1 {
					t, err := client.Trace(c.Context(), args[0])
					if err != nil {
						return err
					}
					return out.print(a.Out, t, func(w io.Writer) error { return printTrace(w, t) })
				}
				ts, err := client.Traces(c.Context(), most)
				if err != nil {
					return err
				}
				return out.print(a.Out, ts, func(w io.Writer) error { return printTraces(w, ts) })
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	engine.addWithCluster(c)
	out.add(c)
	c.Flags().IntVar(&most, "most", 20, "list at most `N`")
	return c
}

func printTraces(w io.Writer, ts []adminapi.Trace) error {
	if len(ts) == 0 {
		_, err := fmt.Fprintln(w, "no traces yet: nothing has been called")
		return err
	}
	t := newColumns(w, "STARTED", "KEY", "TRACE", "CALLS", "TIME", "RESULT")
	for _, tr := range ts {
		result := "ok"
		if tr.Error {
			result = "error"
		}
		t.row(tr.Started.Local().Format(time.DateTime), shorten(tr.Key, 30), tr.TraceID, len(tr.Calls), millis(tr.Duration), result)
	}
	return t.flush()
}

// printTrace draws a trace as the function mesh article does: the calls in the
// order they began, under each what happened to it.
func printTrace(w io.Writer, t adminapi.Trace) error {
	title := t.Key
	if title == "" {
		title = t.TraceID
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Trace: %s\n", oneLine(title))
	for i, call := range t.Calls {
		branch, stem := "├── ", "│   "
		if i == len(t.Calls)-1 {
			branch, stem = "└── ", "    "
		}
		fmt.Fprintf(&b, "%s%s (%s)%s\n", branch, call.Function, millis(call.Milliseconds), attempt(call))
		steps := steps(t, call)
		for j, s := range steps {
			twig := "├── "
			if j == len(steps)-1 {
				twig = "└── "
			}
			fmt.Fprintf(&b, "%s%s%s\n", stem, twig, oneLine(s))
		}
	}
	fmt.Fprintf(&b, "%s in all", millis(t.Duration))
	if t.Key != "" {
		fmt.Fprintf(&b, ", trace id %s", t.TraceID)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func attempt(c adminapi.Call) string {
	if c.Attempt > 1 {
		return fmt.Sprintf(" attempt %d", c.Attempt)
	}
	return ""
}

// steps tells what happened to a call, in the order it happened.
func steps(t adminapi.Trace, c adminapi.Call) []string {
	var out []string
	from, _, linked := strings.Cut(c.Link, "->")
	switch {
	case linked:
		out = append(out, fmt.Sprintf("From %s (queued %s)", from, millis(c.QueueMilliseconds)))
	case c.Trigger == "http":
		out = append(out, "HTTP request received")
	case c.Trigger != "":
		out = append(out, fmt.Sprintf("Trigger %s (queued %s)", c.Trigger, millis(c.QueueMilliseconds)))
	}
	if c.ColdMilliseconds > 0 {
		out = append(out, fmt.Sprintf("Cold start (%s)", millis(c.ColdMilliseconds)))
	}
	if c.Error != "" {
		text := c.Error
		if c.StatusCode > 0 {
			text = fmt.Sprintf("%d %s", c.StatusCode, text)
		}
		out = append(out, "Failed: "+shorten(text, 200))
	}
	published := publishedTo(t, c)
	for _, to := range published {
		out = append(out, "Published to "+to)
	}
	if len(published) == 0 && c.Outputs > 0 && c.Error == "" {
		out = append(out, plural(c.Outputs, "output")+", not called yet or taken by no link")
	}
	return out
}

// publishedTo names the functions that c's outputs led to, one for each event,
// however often it was tried.
func publishedTo(t adminapi.Trace, c adminapi.Call) []string {
	var to []string
	seen := make(map[string]bool)
	for _, next := range t.Calls {
		if next.ParentID == "" || next.ParentID != c.SpanID || seen[next.EventID+next.Function] {
			continue
		}
		seen[next.EventID+next.Function] = true
		to = append(to, next.Function)
	}
	return to
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
