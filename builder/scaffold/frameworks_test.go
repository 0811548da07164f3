package scaffold

// The frameworks that handlers are hosted with are in Weft's go.mod, which
// gives their versions, by these imports.
import (
	_ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/GoogleCloudPlatform/functions-framework-go/functions"
	_ "github.com/OpenFunction/functions-framework-go/context"
	_ "github.com/OpenFunction/functions-framework-go/functions"
	_ "knative.dev/func-go/cloudevents"
	_ "knative.dev/func-go/http"
)
