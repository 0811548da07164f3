package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) topCmd() *cobra.Command {
	var (
		engine engineFlags
		once   bool
		every  time.Duration
	)
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch load, queues and memory of the functions.",
		Long: `Watch load, queues and memory of the functions: a table that is refreshed until
Ctrl-C on a terminal, and printed once elsewhere.`,
		Example: "weft top\nweft top --once",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return badUsage(c, "--every is %s: must be at least 100ms", every)
			}
			return engine.call(func(client *adminapi.Client) error {
				if once || !terminal(a.Out) {
					return a.topOnce(c.Context(), client, a.Out)
				}
				return a.topEvery(c.Context(), client, every)
			})
		},
	}
	engine.add(c)
	c.Flags().BoolVar(&once, "once", false, "print one table and end")
	c.Flags().DurationVar(&every, "every", time.Second, "`TIME` between two tables")
	return c
}

func (a *app) topEvery(ctx context.Context, client *adminapi.Client, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		var buf bytes.Buffer
		// Home, draw, and clear what a longer table left: without a flicker.
		buf.WriteString("\x1b[H")
		if err := a.topOnce(ctx, client, &clearingLines{&buf}); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil // Ctrl-C is how watching ends
			}
			return err
		}
		buf.WriteString("\x1b[J")
		if _, err := a.Out.Write(buf.Bytes()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// clearingLines clears the rest of each line on a terminal.
type clearingLines struct{ w *bytes.Buffer }

func (c *clearingLines) Write(p []byte) (int, error) {
	c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\x1b[K\n")))
	return len(p), nil
}

func (a *app) topOnce(ctx context.Context, client *adminapi.Client, w io.Writer) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	var (
		memory           = s.MemoryMB
		perSecond        float64
		queued, inFlight int
	)
	for _, f := range s.Functions {
		perSecond += f.PerSecond
		queued += f.Queued
		inFlight += f.InFlight
		memory += functionMemory(f)
	}
	fmt.Fprintf(w, "%s  up %s  %.1f calls/s  %d in flight  %d queued  %.0f MB (engine %.0f MB)\n\n",
		s.Mesh, s.Uptime, perSecond, inFlight, queued, memory, s.MemoryMB)
	t := newColumns(w, "FUNCTION", "STATE", "REPLICAS", "BUSY", "QUEUED", "RETRY", "DEAD", "CALLS/S", "P50", "P95", "ERRORS", "MB")
	for _, f := range s.Functions {
		t.row(f.Name, f.State, fmt.Sprintf("%d/%d", len(f.Replicas), f.Max), f.InFlight, f.Queued, f.Retrying, f.DeadLetters,
			fmt.Sprintf("%.1f", f.PerSecond), millis(f.P50ms), millis(f.P95ms), f.Errors, fmt.Sprintf("%.0f", functionMemory(f)))
	}
	return t.flush()
}

func functionMemory(f adminapi.Function) float64 {
	var mb float64
	for _, r := range f.Replicas {
		mb += r.MemoryMB
	}
	return mb
}
