package v1beta1

import (
	"strings"
	"unicode"
)

// KubeName gives a function's name in kebab-case, as Kubernetes sees it:
// ingestOrder, IngestOrder and ingest_order all become ingest-order, and
// parseJSONBody becomes parse-json-body.
func KubeName(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if r == '_' || r == '-' {
			b.WriteByte('-')
			continue
		}
		if unicode.IsUpper(r) && i > 0 && runes[i-1] != '_' && runes[i-1] != '-' {
			// A word begins at an upper-case letter after a lower-case letter
			// or digit, and at the last upper-case letter of an acronym.
			after := !unicode.IsUpper(runes[i-1])
			before := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if after || before {
				b.WriteByte('-')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Trim(collapse(b.String()), "-")
}

func collapse(s string) string {
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return s
}
