package contract

import (
	"encoding/base64"
	"encoding/json"
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
	{regexp.MustCompile(`\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`), "<time>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<address>"},
	// The names of types in the program, which say nothing to who calls.
	{regexp.MustCompile(`into Go value of type \[\](struct \{.*? \}|[A-Za-z.]+)`), "into a list of <type>"},
	{regexp.MustCompile(`into Go struct field [A-Za-z]+\.`), "into field <type>."},
	// daprd says the one or the other, by how fast multicast DNS fails.
	{regexp.MustCompile(`couldn't find service: |timeout waiting for address for app id `), "no address of "},
}

// base64Data is data of an event that may hold an event, with ids of its own.
var base64Data = regexp.MustCompile(`"data_base64":"([A-Za-z0-9+/]+=*)"`)

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
	s = base64Data.ReplaceAllStringFunc(s, func(m string) string {
		data, err := base64.StdEncoding.DecodeString(base64Data.FindStringSubmatch(m)[1])
		if err != nil || !json.Valid(data) {
			return m
		}
		return `"data_base64":` + jsonText(string(data))
	})
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.with)
	}
	return s
}
