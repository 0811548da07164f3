package desired

import (
	"crypto/rand"
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"

	"github.com/weftmesh/weft/mesh"
)

// tokenSize is the number of random bytes of a token.
const tokenSize = 32

// tokens desires the Secret alone: what is in it is random, and stays.
func (b *builder) tokens() {
	b.add(&corev1.Secret{TypeMeta: typeMeta("v1", "Secret"), ObjectMeta: b.meta(TokensName(b.plan.Name), "", nil)})
}

// FillTokens gives the data of the tokens' Secret: what is in have stays, keys
// of functions that are gone do not, and what is missing is made. changed says
// whether that differs from have.
func FillTokens(p *mesh.Plan, have map[string][]byte) (data map[string][]byte, changed bool) {
	data = make(map[string][]byte, len(p.Functions))
	for _, key := range TokenKeys(p) {
		token := have[key]
		if len(token) == 0 {
			token, changed = []byte(NewToken()), true
		}
		data[key] = token
	}
	return data, changed || len(data) != len(have)
}

// NewToken gives 32 random bytes, written as they can stand in a URL and a
// header.
func NewToken() string {
	raw := make([]byte, tokenSize)
	_, _ = rand.Read(raw) // it never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TokenKeys are the keys of the Secret: the functions' names, and the front's,
// by which its sidecar shows who it is.
func TokenKeys(p *mesh.Plan) []string {
	var keys []string
	for _, f := range p.Functions {
		keys = append(keys, f.KubeName)
	}
	return append(keys, RoleFront)
}
