package cli

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/adminapi"
)

// TestLatest: of however many lines, the latest are kept and no more than are
// needed for it.
func TestLatest(t *testing.T) {
	for name, tc := range map[string]struct {
		reason           string
		most, come, want int
	}{
		"many":  {reason: "what is older is let go", most: 10, come: 10_000, want: 10},
		"few":   {reason: "there are no more", most: 10, come: 7, want: 7},
		"one":   {reason: "the very last", most: 1, come: 100, want: 1},
		"below": {reason: "no bound, as with the engine on one machine", most: -1, come: 100, want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			var all []adminapi.LogEntry
			l := latest{most: tc.most}
			held := 0
			for i := range tc.come { // of seven containers, one after the other; some at one time
				at := time.Unix(int64(i%((tc.come+6)/7)/2), 0)
				e := adminapi.LogEntry{Time: at, Message: fmt.Sprint(i)}
				all = append(all, e)
				l.add(e)
				held = max(held, len(l.entries))
			}
			slices.SortStableFunc(all, func(x, y adminapi.LogEntry) int { return x.Time.Compare(y.Time) })
			if diff := cmp.Diff(all[len(all)-tc.want:], l.sorted()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if bound := 2 * tc.want; tc.most > 0 && held > bound {
				t.Errorf("%s: %d entries were held, want %d at most", tc.reason, held, bound)
			}
		})
	}
}
