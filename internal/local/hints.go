package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/gateway"
)

// Hints are what someone can try at once: a command that calls the first route
// of a mesh served at base or, if it has none, its first linked function.
func Hints(plan *mesh.Plan, base string) []string {
	example := "{}"
	if text := plan.Mesh.Annotations[v1beta1.AnnotationExample]; text != "" {
		var b bytes.Buffer
		if json.Compact(&b, []byte(text)) == nil {
			example = b.String()
		}
	}
	data := "'" + strings.ReplaceAll(example, "'", `'\''`) + "'"
	routes := gateway.Routes(plan)
	if len(routes) == 0 {
		for _, f := range plan.Functions {
			if f.Queued() {
				return []string{fmt.Sprintf("weft invoke %s -d %s", f.Name, data)}
			}
		}
		return nil
	}
	r := routes[0]
	path := strings.NewReplacer("{", "", "}", "").Replace(r.Path)
	method := http.MethodPost
	if len(r.Methods) > 0 {
		method = r.Methods[0]
	}
	switch method {
	case http.MethodHead:
		return []string{fmt.Sprintf("curl -I %s%s", base, path)}
	case http.MethodGet, http.MethodDelete:
		return []string{fmt.Sprintf("curl -X %s %s%s", method, base, path)}
	}
	event := ""
	if r.Events {
		event = " -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: curl' -H 'ce-type: try'"
	}
	return []string{fmt.Sprintf("curl -X %s %s%s%s -H 'Content-Type: application/json' -d %s", method, base, path, event, data)}
}
