package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
			return engine.call(c.Context(), func(client *adminapi.Client) error {
				if once || !terminal(a.Out) || os.Getenv("TERM") == "dumb" {
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
		s, err := client.Status(ctx)
		if err != nil {
			if errors.Is(err, context.Canceled) {
				return nil // Ctrl-C is how watching ends
			}
			return err
		}
		var buf, table bytes.Buffer
		width, height := screen(a.Out)
		if err := printTop(&table, s, width); err != nil {
			return err
		}
		// Home, draw, and clear what a longer table left: without a flicker.
		buf.WriteString("\x1b[H")
		for i, line := range strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n") {
			if i == height-1 {
				break // a line more would scroll the first one away
			}
			buf.WriteString(shorten(line, width) + "\x1b[K\n")
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

func (a *app) topOnce(ctx context.Context, client *adminapi.Client, w io.Writer) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	return printTop(w, s, math.MaxInt)
}

// The columns of top, beside the name of the function, and those that a narrow
// terminal goes without, first those that are missed least.
var (
	topColumns = []string{"STATE", "REPLICAS", "BUSY", "QUEUED", "RETRY", "DEAD", "CALLS/S", "P50", "P95", "ERRORS", "MB"}
	topSpare   = []string{"P50", "RETRY", "BUSY", "MB", "REPLICAS", "ERRORS", "CALLS/S"}
)

// leastName is what a narrow terminal leaves of a function's name, before
// columns are given up.
const leastName = 24

// printTop writes the table of top. It is made to fit into width.
func printTop(w io.Writer, s adminapi.Status, width int) error {
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
	rows := [][]string{append([]string{"FUNCTION"}, topColumns...)}
	for _, f := range s.Functions {
		rows = append(rows, []string{
			oneLine(f.Name), f.State, fmt.Sprintf("%d/%d", len(f.Replicas), f.Max), strconv.Itoa(f.InFlight),
			strconv.Itoa(f.Queued), strconv.Itoa(f.Retrying), strconv.Itoa(f.DeadLetters), fmt.Sprintf("%.1f", f.PerSecond),
			millis(f.P50ms), millis(f.P95ms), strconv.FormatUint(f.Errors, 10), fmt.Sprintf("%.0f", functionMemory(f)),
		})
	}
	fit(rows, width)
	t := columns{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	for _, r := range rows {
		t.row(toAny(r)...)
	}
	return t.flush()
}

// fit leaves out columns of rows, the first one the header, until they go into
// width with two spaces between; then it shortens the names in front.
func fit(rows [][]string, width int) {
	widths := func() (name, rest int) {
		for i := range rows[0] {
			most := 0
			for _, r := range rows {
				most = max(most, utf8.RuneCountInString(r[i]))
			}
			if i == 0 {
				name = most
			} else {
				rest += 2 + most
			}
		}
		return name, rest
	}
	name, rest := widths()
	for _, spare := range topSpare {
		if min(name, leastName) <= width-rest {
			break
		}
		at := slices.Index(rows[0], spare)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], at, at+1)
		}
		name, rest = widths()
	}
	if room := max(width-rest, 1); room < name {
		for _, r := range rows {
			r[0] = shorten(r[0], room)
		}
	}
}

// screen is the size of the terminal w, 80 by 24 if it does not tell.
func screen(w any) (width, height int) {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

func functionMemory(f adminapi.Function) float64 {
	var mb float64
	for _, r := range f.Replicas {
		mb += r.MemoryMB
	}
	return mb
}
