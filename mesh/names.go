package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// maxService is the longest name of a Knative Service that Weft makes: its
// revisions (-00001), their pods and the tags of traffic (canary-) must all
// stay within the 63 characters of a DNS label (RFC 1035).
const maxService = 52

// ServiceName gives K_SERVICE and the name of the Knative Service of a
// function: <mesh>-<function>, cut and hashed beyond 52 characters so that two
// long names stay two.
func ServiceName(mesh, function string) string {
	name := mesh + "-" + v1beta1.KubeName(function)
	if len(name) <= maxService {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:4])
	return strings.TrimRight(name[:maxService-len(hash)-1], "-") + "-" + hash
}
