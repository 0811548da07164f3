package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

// maxLetters is how many dead letters the engine lists at most.
const maxLetters = 10_000

func (a *app) dlqCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "dlq",
		Short: "Look after dead letters: events that were given up.",
		Long: `Look after dead letters: events whose attempts ran out and that no link on
status == 'error' took. They stay until they are redriven or dropped. With
--cluster they are those of a mesh on a cluster.`,
		Example: `weft dlq list
weft dlq edit ID && weft dlq redrive ID`,
		Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			return badUsage(c, "%s needs a command: list, show, edit, redrive or drop", subcommand(c))
		},
	}
	c.AddCommand(a.dlqListCmd(), a.dlqShowCmd(), a.dlqEditCmd(), a.dlqRedriveCmd(), a.dlqDropCmd())
	return c
}

func (a *app) dlqListCmd() *cobra.Command {
	var (
		engine   engineFlags
		out      outputFlag
		function string
		most     int
	)
	c := &cobra.Command{
		Use:     "list",
		Short:   "List dead letters, the oldest first.",
		Example: "weft dlq list --function notifyUser",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				letters, err := client.DeadLetters(c.Context(), function, most)
				if err != nil {
					return err
				}
				return out.print(a.Out, letters, func(w io.Writer) error { return printLetters(w, letters) })
			})
		},
	}
	engine.addWithCluster(c)
	out.add(c)
	c.Flags().StringVar(&function, "function", "", "only of this `FUNCTION`")
	c.Flags().IntVar(&most, "most", 100, "list at most `N`")
	engine.completeFunctionFlag(c, "function")
	return c
}

func printLetters(w io.Writer, letters []adminapi.DeadLetter) error {
	if len(letters) == 0 {
		_, err := fmt.Fprintln(w, "no dead letters")
		return err
	}
	t := newColumns(w, "ID", "FUNCTION", "TIME", "ATTEMPTS", "ERROR")
	for _, l := range letters {
		t.row(l.ID, l.Function, l.Time.Local().Format(time.DateTime), l.Attempts, shorten(l.Error, 60))
	}
	return t.flush()
}

func (a *app) dlqShowCmd() *cobra.Command {
	var (
		engine engineFlags
		out    outputFlag
	)
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Print all about a dead letter, its event included.",
		Example: "weft dlq show ID",
		Args:    exactArgs("the ID of a dead letter (see: weft dlq list)"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				l, err := client.DeadLetter(c.Context(), args[0])
				if err != nil {
					return err
				}
				return out.print(a.Out, l, func(w io.Writer) error { return printLetter(w, l) })
			})
		},
		ValidArgsFunction: engine.completeLetters,
	}
	engine.addWithCluster(c)
	out.add(c)
	return c
}

func printLetter(w io.Writer, l adminapi.DeadLetter) error {
	t := newColumns(w, "ID", l.ID)
	t.row("function", l.Function)
	t.row("error", l.Error)
	t.row("attempts", l.Attempts)
	t.row("time", l.Time.Local().Format(time.DateTime))
	t.row("trace", l.TraceID)
	t.row("event", l.EventID)
	t.row("type", l.Type)
	t.row("source", l.Source)
	if err := t.flush(); err != nil {
		return err
	}
	if len(l.Event) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printJSON(w, l.Event)
}

func (a *app) dlqRedriveCmd() *cobra.Command {
	return a.dlqEachCmd(&cobra.Command{
		Use:   "redrive ID...|--all",
		Short: "Put dead letters back into their queues.",
		Long: `Put dead letters back into the queues of their functions, with new ids: they
are called again from the first attempt on.`,
		Example: "weft dlq redrive ID\nweft dlq redrive --all --function notifyUser",
	}, "redrive", func(ctx context.Context, client *adminapi.Client, id string) (string, error) {
		now, err := client.Redrive(ctx, id)
		return fmt.Sprintf("redrove %s as %s", id, now), err
	})
}

func (a *app) dlqDropCmd() *cobra.Command {
	return a.dlqEachCmd(&cobra.Command{
		Use:     "drop ID...|--all",
		Short:   "Remove dead letters for good.",
		Example: "weft dlq drop ID\nweft dlq drop --all --function notifyUser",
	}, "drop", func(ctx context.Context, client *adminapi.Client, id string) (string, error) {
		return "dropped " + id, client.Drop(ctx, id)
	})
}

// dlqEachCmd finishes a command that does something with each of several dead
// letters.
func (a *app) dlqEachCmd(c *cobra.Command, verb string, do func(context.Context, *adminapi.Client, string) (string, error)) *cobra.Command {
	var (
		engine   engineFlags
		all      bool
		function string
	)
	c.Args = func(c *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return badUsage(c, "%s takes ids or --all, not both", subcommand(c))
		case !all && len(args) == 0:
			return badUsage(c, "%s needs the ID of a dead letter (see: weft dlq list), or --all", subcommand(c))
		case !all && function != "":
			return badUsage(c, "--function goes with --all")
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, ids []string) error {
		return engine.call(c.Context(), func(client *adminapi.Client) error {
			if all {
				// Once through those that are there now: what is redriven may come
				// back, and would otherwise never end this.
				letters, err := client.DeadLetters(c.Context(), function, maxLetters)
				if err != nil {
					return err
				}
				for _, l := range letters {
					ids = append(ids, l.ID)
				}
			}
			for i, id := range ids {
				done, err := do(c.Context(), client, id)
				if err != nil {
					return fmt.Errorf("%s %s (%d of %d done): %w", verb, id, i, len(ids), err)
				}
				fmt.Fprintln(a.Out, done)
			}
			switch len(ids) {
			case 0:
				fmt.Fprintln(a.Out, "no dead letters")
			case maxLetters:
				fmt.Fprintln(a.Out, "there may be more: call the command again")
			}
			return nil
		})
	}
	c.ValidArgsFunction = engine.completeLetters
	engine.addWithCluster(c)
	c.Flags().BoolVar(&all, "all", false, verb+" all")
	c.Flags().StringVar(&function, "function", "", "with --all, only of this `FUNCTION`")
	engine.completeFunctionFlag(c, "function")
	return c
}

// letterData returns the data of a dead letter's event.
func letterData(l adminapi.DeadLetter) (json.RawMessage, error) {
	var event struct {
		Data   json.RawMessage `json:"data"`
		Base64 string          `json:"data_base64"`
	}
	if len(l.Event) > 0 {
		if err := json.Unmarshal(l.Event, &event); err != nil {
			return nil, fmt.Errorf("event of dead letter %s: %w", l.ID, err)
		}
	}
	if event.Base64 != "" {
		return nil, withHint(fmt.Errorf("the data of dead letter %s is not JSON", l.ID), "replace it: weft dlq edit %s -d JSON", l.ID)
	}
	if len(event.Data) == 0 {
		return json.RawMessage("null"), nil
	}
	return event.Data, nil
}
