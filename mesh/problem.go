package mesh

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a mesh can run with a problem.
type Severity int

// The severities.
const (
	// Error: the mesh does not run.
	Error Severity = iota
	// Warning: the mesh runs, though perhaps not as its author thinks.
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText gives the word, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one thing that is wrong with a mesh.
type Problem struct {
	Severity Severity `json:"severity"`
	// File, Line and Column, both counted from 1, of the field or of the
	// nearest ancestor that the file has; empty and 0 if the mesh does not
	// come from a file.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Path of the field, such as spec.connections[1].condition.
	Path string `json:"path,omitempty"`
	// Message says what is wrong, Hint what to do about it.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// String gives "mesh.yaml:31:7: spec.connections[1].condition: message; hint",
// with "warning: " before the message of a warning, leaving out what is not
// known.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// With returns the problem with another hint.
func (p Problem) With(hint string) Problem {
	p.Hint = hint
	return p
}

// Problems are all that is wrong with a mesh.
type Problems []Problem

// Err returns the errors among the problems as one, Faults; nil if there are
// only warnings.
func (ps Problems) Err() error {
	if errs := ps.Errors(); len(errs) > 0 {
		return Faults(errs)
	}
	return nil
}

// Faults is the error of a mesh that does not run.
type Faults Problems

// Error gives one problem per line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, p := range fs {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Errors returns the problems with which the mesh does not run.
func (ps Problems) Errors() Problems { return ps.only(Error) }

// Warnings returns the problems with which the mesh runs.
func (ps Problems) Warnings() Problems { return ps.only(Warning) }

func (ps Problems) only(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Sort orders problems by their place in the files, keeping the order of those
// that have none.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

func (ps *Problems) errorf(path, format string, args ...any) *Problem {
	return ps.add(Error, path, format, args...)
}

func (ps *Problems) warnf(path, format string, args ...any) *Problem {
	return ps.add(Warning, path, format, args...)
}

func (ps *Problems) add(s Severity, path, format string, args ...any) *Problem {
	*ps = append(*ps, Problem{Severity: s, Path: path, Message: fmt.Sprintf(format, args...)})
	return &(*ps)[len(*ps)-1]
}
