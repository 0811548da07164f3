package contract

import (
	"slices"
	"strconv"
	"strings"
)

// Difference is one in which ours answers otherwise than daprd on purpose. What
// it answers is in facts/<case>.ours.txt. docs/dapr.md lists them.
type Difference struct {
	// Name and Reason, as in docs/dapr.md.
	Name, Reason string
	// steps are those that differ: the case and its steps, counted from one, as
	// "state/prefix 1 3", or all of them as "state/prefix *".
	steps []string
}

// Differences are all that are known.
var Differences = []Difference{}

// differs finds the name of the difference to which a step belongs, counted from
// zero.
func differs(name string, n int) (string, bool) {
	for _, d := range Differences {
		for _, s := range d.steps {
			fields := strings.Fields(s)
			if fields[0] == name && (slices.Contains(fields[1:], "*") || slices.Contains(fields[1:], strconv.Itoa(n+1))) {
				return d.Name, true
			}
		}
	}
	return "", false
}
