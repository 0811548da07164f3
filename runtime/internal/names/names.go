// Package names compares function names the way a mesh does: as written, or in
// kebab-case.
package names

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Kebab gives a function's name in kebab-case, as Kubernetes sees it:
// ingestOrder, IngestOrder and ingest_order all become ingest-order. It is the
// runtime's own copy of the mesh's rule, since a function's binary holds
// nothing of Kubernetes; a test keeps them the same.
func Kebab(name string) string {
	var b strings.Builder
	runes := []rune(name)
	separator := func(r rune) bool { return r == '-' || r == '_' }
	pending := false // a separator to write before the next letter
	for i, r := range runes {
		if separator(r) {
			pending = true
			continue
		}
		if i > 0 && unicode.IsUpper(r) && !separator(runes[i-1]) {
			startsWord := !unicode.IsUpper(runes[i-1])
			endsAcronym := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			pending = pending || startsWord || endsAcronym
		}
		if pending && b.Len() > 0 {
			b.WriteByte('-')
		}
		pending = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Same says whether two names mean the same function.
func Same(a, b string) bool { return a == b || Kebab(a) == Kebab(b) }

// ByDistance sorts names by how near they are to wanted, nearest first, in a
// new slice.
func ByDistance(wanted string, names []string) []string {
	out := slices.Clone(names)
	wanted = Kebab(wanted)
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Compare(edits(wanted, Kebab(a)), edits(wanted, Kebab(b)))
	})
	return out
}

// edits counts the letters to insert, remove or replace between two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
