package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/internal/telemetry"
)

// mostLines is how many past lines are printed unless --most says otherwise, as
// the engine on one machine does.
const mostLines = 1000

// logsFromCluster prints logs of a mesh's pods.
func (a *app) logsFromCluster(ctx context.Context, engine engineFlags, filter adminapi.LogFilter, format string) error {
	on, name, err := engine.meshOnCluster()
	if err != nil {
		return a.faults(err)
	}
	fm, err := on.Mesh(ctx, name)
	if err != nil {
		return err
	}
	match := telemetry.LogQuery{Function: filter.Function, Level: filter.Level, Trace: filter.Trace, Since: filter.Since}
	query := cluster.LogQuery{Mesh: name, Follow: filter.Follow, Since: filter.Since, Most: cmp.Or(filter.Most, mostLines)}
	if filter.Level != "" || filter.Trace != "" {
		query.Most = 0 // they choose among all
	}
	written := make(map[string]string) // by label
	var names []string
	for _, f := range fm.Spec.Functions {
		written[cluster.Label(f.Name)] = f.Name
		names = append(names, f.Name)
	}
	if filter.Function != "" && filter.Function != telemetry.EngineLines {
		if match.Function, err = functionOf(fm, filter.Function); err != nil {
			return err
		}
		query.Function = cluster.Label(match.Function)
	}
	write := a.entryWriter(format, names)
	past := latest{most: cmp.Or(filter.Most, mostLines)}
	var broken error
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = on.Logs(ctx, query, func(l cluster.LogLine) {
		entry, ok := match.Match(telemetry.Line{Time: l.Time, Function: cmp.Or(written[l.Function], l.Function), Text: l.Text})
		switch {
		case !ok, broken != nil:
		case !filter.Follow:
			past.add(entry)
		default:
			if broken = write(entry); broken != nil {
				stop() // nobody reads it any more
			}
		}
	})
	if err = errors.Join(err, broken); err != nil {
		return err
	}
	for _, entry := range past.sorted() {
		if err := write(entry); err != nil {
			return err
		}
	}
	return nil
}

// latest keeps the latest entries of what comes in any order.
type latest struct {
	most    int // below 0 for all
	entries []adminapi.LogEntry
}

func (l *latest) add(e adminapi.LogEntry) {
	l.entries = append(l.entries, e)
	if l.most >= 0 && len(l.entries) > 2*l.most { // not each time: sorting is dear
		l.sorted()
	}
}

// sorted gives them by time, those of one time as they came.
func (l *latest) sorted() []adminapi.LogEntry {
	slices.SortStableFunc(l.entries, func(x, y adminapi.LogEntry) int { return x.Time.Compare(y.Time) })
	if l.most >= 0 {
		l.entries = slices.Delete(l.entries, 0, max(0, len(l.entries)-l.most))
	}
	return l.entries
}

// entryWriter writes entries in the format asked for.
func (a *app) entryWriter(format string, names []string) func(adminapi.LogEntry) error {
	if format == formatJSON {
		enc := json.NewEncoder(a.Out)
		enc.SetEscapeHTML(false)
		return func(e adminapi.LogEntry) error { return enc.Encode(e) }
	}
	return logPrinter(a.Out, colour(a.Out), names)
}
