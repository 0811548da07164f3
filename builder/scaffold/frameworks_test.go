package scaffold

// The frameworks that handlers are hosted with are in Weft's go.mod, which
// gives their versions, by these imports.
import (
	_ "knative.dev/func-go/cloudevents"
	_ "knative.dev/func-go/http"
)
