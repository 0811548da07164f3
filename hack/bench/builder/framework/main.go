// Command framework serves make bench's handlers with functions-framework-go's
// own server: http or event, as FUNCTION_TARGET says.
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func main() {
	functions.HTTP("http", handler.HTTP)
	functions.CloudEvent("event", handler.Event)
	log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")))
}
