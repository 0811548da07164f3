package realtest

import (
	"fmt"
	"runtime"
	"testing"
)

// verdict is a test that Need decides.
type verdict struct {
	testing.TB
	said string
}

func (v *verdict) Helper() {}

func (v *verdict) Fatalf(format string, args ...any) {
	v.said = "fails: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Skipf(format string, args ...any) {
	v.said = "is skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestNeed(t *testing.T) {
	const variable = "WEFT_TEST_REALTEST"
	for name, tc := range map[string]struct {
		reason string
		env    map[string]string
		want   string
	}{
		"there":   {"what is there is used", map[string]string{variable: "a", "CI": "true"}, "runs with a"},
		"not":     {"a machine without it leaves the test out", nil, "is skipped: " + variable + " is not set; do this"},
		"ci":      {"CI leaves nothing out", map[string]string{"CI": "true"}, "fails: " + variable + " is not set, and nothing may be left out here; do this"},
		"servers": {"nor does who has everything", map[string]string{"WEFT_REAL": "1"}, "fails: " + variable + " is not set, and nothing may be left out here; do this"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{variable, "CI", "WEFT_REAL"} {
				t.Setenv(v, tc.env[v])
			}
			v := &verdict{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				v.said = "runs with " + Need(v, variable, "do this")
			}()
			<-done
			if v.said != tc.want {
				t.Errorf("%s: it %s; want: %s", tc.reason, v.said, tc.want)
			}
		})
	}
}
