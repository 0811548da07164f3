// Command funcgo serves make bench's event handler with func-go's own service.
package main

import (
	"log"

	"knative.dev/func-go/cloudevents"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func main() {
	if err := cloudevents.Start(cloudevents.DefaultHandler{Handler: handler.Event}); err != nil {
		log.Fatal(err)
	}
}
