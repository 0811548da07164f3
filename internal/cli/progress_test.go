package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProgress(t *testing.T) {
	type step struct{ name, text string }
	for name, tc := range map[string]struct {
		reason        string
		width, height int
		colour        bool
		steps         []step
		want          string
	}{
		"no terminal": {
			reason: "a line for each change", steps: []step{{"b", "pulling"}, {"a", "ready"}, {"b", "ready"}},
			want: "b  pulling\na  ready\nb  ready\n",
		},
		"several lines": {
			reason: "as they are where there is room", steps: []step{{"a", "one\ntwo"}},
			want: "a  one\n    two\n",
		},
		"a terminal": {
			reason: "each thing keeps its line", width: 80, height: 24, steps: []step{{"b", "pulling"}, {"b", "ready"}},
			want: "\x1b[2Ka  waiting\n\x1b[2Kb  pulling\n\x1b[2A\x1b[2Ka  waiting\n\x1b[2Kb  ready\n",
		},
		"colour": {
			reason: "what is ready is green", width: 80, height: 24, colour: true, steps: []step{{"a", "ready"}},
			want: "\x1b[2Ka  \x1b[32mready\x1b[0m\n\x1b[2Kb  waiting\n",
		},
		"narrow": {
			reason: "a line that wraps would be two", width: 10, height: 24, steps: []step{{"a", "no such image\nat all"}},
			want: "\x1b[2Ka  no suc…\n\x1b[2Kb  waiting\n",
		},
		"low": {
			reason: "lines that have scrolled away stay as they are", width: 80, height: 2, steps: []step{{"a", "pulling"}, {"a", "ready"}},
			want: "a  pulling\na  ready\n",
		},
		"one more": {
			reason: "it gets a line of its own", width: 80, height: 24, steps: []step{{"a", "ready"}, {"shop", "no front"}},
			want: "\x1b[2Ka  ready\n\x1b[2Kb  waiting\n\x1b[2A\x1b[2Ka     ready\n\x1b[2Kb     waiting\n\x1b[2Kshop  no front\n",
		},
		"control characters": {
			reason: "they do not reach the terminal", width: 80, height: 24, steps: []step{{"a", "\x1b[2Jgone"}},
			want: "\x1b[2Ka   [2Jgone\n\x1b[2Kb  waiting\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := newProgress(&out, "a", "b")
			p.colour = tc.colour
			if tc.width > 0 {
				p.size = func() (int, int) { return tc.width, tc.height }
			}
			for _, s := range tc.steps {
				p.set(s.name, s.text)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
