package delivery

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"

	"github.com/weftmesh/weft/mesh"
)

// idText writes ids in lower case and without padding: 26 characters for 128
// bits, fit for headers, subjects and command lines.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// hashID gives the same 128-bit id for the same parts.
func hashID(parts ...string) string {
	buf := make([]byte, 0, 192)
	for _, p := range parts {
		buf = append(buf, p...)
		buf = append(buf, 0)
	}
	sum := sha256.Sum256(buf)
	return idText.EncodeToString(sum[:16])
}

// routedID identifies the nth output (from 0) of the call that was made with
// the event (source, id), on one link: calling again gives the same id, which
// the queue of the link's target stores once.
func routedID(source, id, linkKey string, n int) string {
	return hashID(source, id, linkKey, strconv.Itoa(n))
}

// linkKeys names the links of a plan, by index: from->to, and from->to#2 for
// the second between the same two functions. Unlike the index it stays when
// other links of the file come and go.
func linkKeys(links []*mesh.Link) []string {
	keys := make([]string, len(links))
	seen := make(map[string]int, len(links))
	for i, l := range links {
		key := l.String()
		seen[key]++
		if n := seen[key]; n > 1 {
			key += "#" + strconv.Itoa(n)
		}
		keys[i] = key
	}
	return keys
}
