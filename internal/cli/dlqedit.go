package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) dlqEditCmd() *cobra.Command {
	var (
		engine engineFlags
		data   string
	)
	c := &cobra.Command{
		Use:   "edit ID",
		Short: "Change the data of a dead letter's event.",
		Long: `Change the data of a dead letter's event, in $VISUAL or $EDITOR, or to what -d
says. The letter stays where it is until it is redriven.`,
		Example: `weft dlq edit ID
weft dlq edit ID -d '{"orderId":"o-1","items":[{"sku":"pen","quantity":1}]}'`,
		Args: exactArgs("the ID of a dead letter (see: weft dlq list)"),
		RunE: func(c *cobra.Command, args []string) error {
			given, err := a.readData(c, data)
			if err != nil {
				return err
			}
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				return a.editLetter(c.Context(), client, args[0], given)
			})
		},
		ValidArgsFunction: engine.completeLetters,
	}
	engine.addWithCluster(c)
	c.Flags().StringVarP(&data, "input", "d", "", "the new `DATA`: JSON, @FILE, or @- for stdin")
	return c
}

func (a *app) editLetter(ctx context.Context, client *adminapi.Client, id string, data json.RawMessage) error {
	if data == nil {
		l, err := client.DeadLetter(ctx, id)
		if err != nil {
			return err
		}
		before, err := letterData(l)
		if err != nil {
			return err
		}
		after, err := a.edit(ctx, id, before)
		if err != nil {
			return err
		}
		if after == nil {
			fmt.Fprintf(a.Out, "%s is unchanged\n", id)
			return nil
		}
		data = after
	}
	if err := client.EditDeadLetter(ctx, id, data); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "changed %s; call it again with: weft dlq redrive %s\n", id, id)
	return nil
}

// edit lets the user change JSON in an editor; nil means that nothing was
// changed. What is not JSON afterwards is kept in its file.
func (a *app) edit(ctx context.Context, id string, data json.RawMessage) (json.RawMessage, error) {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"))
	if editor == "" {
		return nil, withHint(errors.New("neither VISUAL nor EDITOR names an editor"), "set EDITOR, or give the data with -d JSON")
	}
	f, err := os.CreateTemp("", "weft-*.json")
	if err != nil {
		return nil, err
	}
	path := f.Name()
	if err := errors.Join(printJSON(f, data), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// Through the shell, as EDITOR may hold arguments ("code --wait").
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", editor+` "$1"`, "editor", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("editor %q: %w", editor, err), os.Remove(path))
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(before, after) {
		return nil, os.Remove(path)
	}
	if err := validJSON(after); err != nil {
		return nil, withHint(fmt.Errorf("%s is not JSON: %w", path, err), "mend the file, then: weft dlq edit %s -d @%s", id, path)
	}
	return after, os.Remove(path)
}
