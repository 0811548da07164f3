package contract

import (
	"fmt"
	"regexp"
	"strings"
)

// normaliser replaces what no two runs share. An etag gets the same name each
// time it comes in a case.
type normaliser struct {
	literal *strings.Replacer
	etags   []string
}

var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\b`), "<traceparent>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<uuid>"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)`), "<time>"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4} UTC( m=\+[0-9.]+)?`), "<time>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<address>"},
}

// etag names an etag, so that a case that uses it reads the same each time.
func (n *normaliser) etag(value string) {
	if value == "" {
		return
	}
	for _, known := range n.etags {
		if known == value {
			return
		}
	}
	n.etags = append(n.etags, value)
}

func (n *normaliser) text(s string) string {
	s = n.literal.Replace(s)
	for i, value := range n.etags {
		// In the header, in JSON, and where a call names it.
		name := fmt.Sprintf("<etag %d>", i+1)
		for _, around := range [][2]string{{"Etag: ", ""}, {"If-Match: ", ""}, {`"etag":"`, `"`}, {`"etag":{"value":"`, `"`}, {`"value":"`, `"}`}} {
			s = strings.ReplaceAll(s, around[0]+value+around[1], around[0]+name+around[1])
		}
	}
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.with)
	}
	return s
}
