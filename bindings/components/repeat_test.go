package components

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRepeatedLines: what each subscription says when its server restarts is
// told once, and then how often.
func TestRepeatedLines(t *testing.T) {
	cases := map[string]struct {
		reason string
		say    func(b *bridge)
		want   []string
	}{
		"format": {
			reason: "one format is one kind, whatever it is about",
			say: func(b *bridge) {
				for _, queue := range []string{"a", "b", "c"} {
					b.Errorf("%s error in subscriber for %s: %v", "rabbitmq:", queue, "EOF")
				}
			},
			want: []string{
				`level=ERROR msg="rabbitmq: error in subscriber for a: EOF" component=bus`,
				`level=ERROR msg="rabbitmq: error in subscriber for c: EOF" component=bus repeated=2`,
			},
		},
		"no words": {
			reason: "a format without words says nothing of the kind",
			say: func(b *bridge) {
				b.Warnf("%s: %v", "a", "gone")
				b.Warnf("%s: %v", "b", "gone")
			},
			want: []string{`level=WARN msg="a: gone" component=bus`, `level=WARN msg="b: gone" component=bus`},
		},
		"numbers": {
			reason: "attempts are counted by their sender, and here",
			say: func(b *bridge) {
				b.Warn("attempt 1 of 3")
				b.Warn("attempt 2 of 3")
			},
			want: []string{`level=WARN msg="attempt 1 of 3" component=bus`, `level=WARN msg="attempt 2 of 3" component=bus repeated=1`},
		},
		"levels": {
			reason: "an error is not a warning again",
			say: func(b *bridge) {
				b.Warn("gone")
				b.Error("gone")
			},
			want: []string{`level=WARN msg=gone component=bus`, `level=ERROR msg=gone component=bus`},
		},
		"later": {
			reason: "after a while it is told again",
			say: func(b *bridge) {
				b.Warn("gone")
				time.Sleep(quietFor + time.Second)
				b.Warn("gone")
			},
			want: []string{`level=WARN msg=gone component=bus`, `level=WARN msg=gone component=bus`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				h := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				}})
				tc.say(&bridge{log: slog.New(newSparse(h)).With("component", "bus")})
				time.Sleep(2 * quietFor)
				synctest.Wait()
				if diff := cmp.Diff(tc.want, strings.Split(strings.TrimSpace(out.String()), "\n")); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
			})
		})
	}
}
