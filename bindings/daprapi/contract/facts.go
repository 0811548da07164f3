package contract

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed facts
var facts embed.FS

// factFile is where the steps of a case are kept: what daprd answered, and, with
// "ours", what we answer to those steps that differ.
func factFile(name, whose string) string {
	file := strings.ReplaceAll(name, "/", "-")
	if whose != "" {
		file += "." + whose
	}
	return "facts/" + file + ".txt"
}

// write gives steps the form of a file: calls behind ">", answers behind "<".
func write(steps map[int]step, n int) string {
	var b strings.Builder
	for i := range n {
		st, ok := steps[i]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "# %d\n", i+1)
		for line := range strings.SplitSeq(st.call, "\n") {
			fmt.Fprintf(&b, "> %s\n", line)
		}
		for line := range strings.SplitSeq(st.answer, "\n") {
			b.WriteString(strings.TrimRight("< "+line, " ") + "\n")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// save writes the steps of a case to the package's directory, where the test
// runs.
func save(t *testing.T, file string, steps map[int]step, n int) {
	t.Helper()
	if len(steps) == 0 {
		os.Remove(filepath.FromSlash(file))
		return
	}
	if err := os.WriteFile(filepath.FromSlash(file), []byte(write(steps, n)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// load reads the steps of a case; none if there is no file.
func load(t *testing.T, file string) map[int]step {
	t.Helper()
	data, err := facts.ReadFile(file)
	if err != nil {
		return nil
	}
	steps := make(map[int]step)
	at := -1
	for line := range strings.SplitSeq(string(data), "\n") {
		if n := 0; strings.HasPrefix(line, "# ") {
			if _, err := fmt.Sscanf(line, "# %d", &n); err != nil {
				t.Fatalf("%s: %q numbers no step", file, line)
			}
			at = n - 1
			steps[at] = step{}
			continue
		}
		st := steps[at]
		switch {
		case strings.HasPrefix(line, "> "), line == ">":
			st.call += strings.TrimPrefix(line[1:], " ") + "\n"
		case strings.HasPrefix(line, "< "), line == "<":
			st.answer += strings.TrimPrefix(line[1:], " ") + "\n"
		default:
			continue
		}
		steps[at] = st
	}
	return steps
}

// shown is a step as it is compared: as it would be read from a file.
func shown(st step) string {
	one := write(map[int]step{0: st}, 1)
	return strings.TrimSuffix(strings.TrimPrefix(one, "# 1\n"), "\n")
}

func shownRead(st step) string {
	return shown(step{call: strings.TrimSuffix(st.call, "\n"), answer: strings.TrimSuffix(st.answer, "\n")})
}

// compare holds steps against daprd's, but for those in which ours may differ.
func compare(t *testing.T, name string, steps []step, ours bool) {
	t.Helper()
	want := load(t, factFile(name, ""))
	if want == nil {
		t.Fatalf("%s: there are no facts of daprd: write them with -update", name)
	}
	if len(want) != len(steps) {
		t.Errorf("%s: %d steps were made, daprd's facts have %d: write them anew with -update", name, len(steps), len(want))
	}
	var other map[int]step
	if ours {
		other = load(t, factFile(name, "ours"))
	}
	for i, st := range steps {
		w := shownRead(want[i])
		why, differs := differs(name, i)
		if ours && differs {
			o, ok := other[i]
			switch {
			case !ok:
				t.Errorf("%s, step %d: %q differs from daprd, but facts of ours do not have the step", name, i+1, why)
				continue
			case shownRead(o) == w:
				t.Errorf("%s, step %d: %q is declared a difference, but the answers are the same", name, i+1, why)
				continue
			}
			w = shownRead(o)
		}
		got := shown(st)
		if ours && !differs {
			got = shown(step{call: st.call, answer: plain(st.answer)})
		}
		if got != w {
			call, _, _ := strings.Cut(st.call, "\n")
			t.Errorf("%s, step %d, %s: (-want, +got)\n%s", name, i+1, call, diff(w, got))
		}
	}
}

// diff gives the lines that only one of two texts has, whole: what differs is
// often one word of a long line.
func diff(want, got string) string {
	var b strings.Builder
	only := func(sign, of, in string) {
		has := strings.Split(in, "\n")
		for line := range strings.SplitSeq(of, "\n") {
			if !slices.Contains(has, line) {
				fmt.Fprintf(&b, "  %s %s\n", sign, line)
			}
		}
	}
	only("-", want, got)
	only("+", got, want)
	if b.Len() == 0 {
		return "  the order of the lines, or how often they come\n"
	}
	return b.String()
}
