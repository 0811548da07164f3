package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

func (a *app) logsCmd() *cobra.Command {
	var (
		engine engineFlags
		filter adminapi.LogFilter
		since  string
		out    string
	)
	c := &cobra.Command{
		Use:   "logs",
		Short: "Print what the functions and the engine logged.",
		Long: `Print what the functions and the engine logged, oldest first; with -o json one
JSON object a line.

With --cluster these are the logs of the mesh's pods that are there now; the
front and the dispatchers are the engine.`,
		Example: `weft logs --follow
weft logs --function notifyUser --level warn --since 10m
weft logs --trace 4bf92f3577b34da6a3ce929d0e0e4736
weft logs --follow --cluster -n shop`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(
				oneOf(c, "-o", out, formatTable, formatJSON),
				oneOf(c, "--level", filter.Level, "", "debug", "info", "warn", "error"),
			); err != nil {
				return err
			}
			t, err := parseSince(since, time.Now())
			if err != nil {
				return badUsage(c, "--since: %w", err)
			}
			filter.Since = t
			if engine.remote.use {
				return a.logsFromCluster(c.Context(), engine, filter, out)
			}
			err = engine.call(c.Context(), func(client *adminapi.Client) error {
				write, err := a.logWriter(c.Context(), client, out)
				if err != nil {
					return err
				}
				return client.Logs(c.Context(), filter, write)
			})
			if filter.Follow && errors.Is(err, context.Canceled) {
				return nil // Ctrl-C is how following ends
			}
			return err
		},
	}
	engine.addWithCluster(c)
	c.Flags().BoolVar(&filter.Follow, "follow", false, "wait for more")
	c.Flags().StringVar(&filter.Function, "function", "", "only of this `FUNCTION`; - is the engine")
	c.Flags().StringVar(&filter.Level, "level", "", "at least this `LEVEL`: debug, info, warn or error")
	c.Flags().StringVar(&since, "since", "", "from a `TIME` on: 10m ago, or 2026-01-02T15:04:05Z")
	c.Flags().StringVar(&filter.Trace, "trace", "", "only of this trace `ID`")
	c.Flags().IntVar(&filter.Most, "most", 0, "at most `N` past lines")
	c.Flags().StringVarP(&out, "output", "o", formatTable, "`FORMAT`: table, for people, or json")
	complete(c, "output", formatTable, formatJSON)
	complete(c, "level", "debug", "info", "warn", "error")
	engine.completeFunctionFlag(c, "function")
	return c
}

// logWriter writes entries in the format asked for.
func (a *app) logWriter(ctx context.Context, client *adminapi.Client, format string) (func(adminapi.LogEntry) error, error) {
	if format == formatJSON {
		return a.entryWriter(format, nil), nil
	}
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range status.Functions {
		names = append(names, f.Name)
	}
	return a.entryWriter(format, names), nil
}

// parseSince reads a duration back from now, or a point in time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		if d < 0 {
			return time.Time{}, fmt.Errorf("%q lies ahead: write how long ago, such as 10m", s)
		}
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a duration (10m) nor a time (2026-01-02T15:04:05Z)", s)
	}
	return t, nil
}

// The colours of functions' names, chosen by name so that a function keeps
// its own, and of levels.
var (
	functionColours = []int{36, 35, 34, 32, 33, 96, 95, 94, 92, 93}
	levelColours    = map[string]int{"DEBUG": 90, "WARN": 33, "ERROR": 31}
)

func paint(code int, s string) string { return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, s) }

// longestName bounds how much of each line the functions' names take.
const longestName = 32

// logPrinter writes entries as people read them:
// time, function, level, message and fields. The names of the functions align
// the lines.
func logPrinter(w io.Writer, colour bool, names []string) func(adminapi.LogEntry) error {
	widest := len("weft")
	for _, n := range names {
		widest = max(widest, min(len(n), longestName))
	}
	return func(e adminapi.LogEntry) error {
		name := e.Function
		if name == "" {
			name = "weft"
		}
		level := strings.ToUpper(e.Level)
		who, lvl := fmt.Sprintf("%-*.*s", widest, widest, name), fmt.Sprintf("%-5s", level)
		if colour {
			h := fnv.New32a()
			h.Write([]byte(name))
			who = paint(functionColours[h.Sum32()%uint32(len(functionColours))], who)
			if c := levelColours[level]; c != 0 {
				lvl = paint(c, lvl)
			}
		}
		_, err := fmt.Fprintf(w, "%s %s %s %s%s\n", e.Time.Local().Format("15:04:05.000"), who, lvl, multiLine(e.Message), logFields(e))
		return err
	}
}

// hidden fields are those that every line of the runtime has: the function is
// shown at its beginning, and the trace is enough to find the call.
var hidden = map[string]bool{"function": true, "trace_id": true, "span_id": true, "event_id": true}

// logFields gives " key=value …", in the order of the keys.
func logFields(e adminapi.LogEntry) string {
	var (
		fields map[string]json.RawMessage
		b      strings.Builder
	)
	if len(e.Fields) > 0 && json.Unmarshal(e.Fields, &fields) == nil {
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			if hidden[k] || k == "attempt" && string(fields[k]) == "1" {
				continue
			}
			var text string
			if json.Unmarshal(fields[k], &text) != nil || strings.ContainsAny(text, " \"") {
				text = string(bytes.TrimSpace(fields[k]))
			}
			b.WriteString(" " + oneLine(k) + "=" + oneLine(text))
		}
	}
	if e.TraceID != "" {
		b.WriteString(" trace=" + e.TraceID)
	}
	return b.String()
}
