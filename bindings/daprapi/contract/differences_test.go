package contract

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumented holds docs/dapr.md and the table of differences together: the
// list under the heading is the table.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../../docs/dapr.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "\n## Differences from daprd\n")
	if !found {
		t.Fatal("docs/dapr.md has no heading \"Differences from daprd\"")
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var got, want []string
	for line := range strings.SplitSeq(section, "\n") {
		if strings.HasPrefix(line, "- **") {
			got = append(got, line)
		}
	}
	for _, d := range Differences {
		want = append(want, "- **"+d.Name+"**: "+d.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/dapr.md does not list the differences of this package (-want, +got):\n%s", diff)
	}
}
