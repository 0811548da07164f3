package components

import (
	"context"
	"testing"

	conformancepubsub "github.com/dapr/components-contrib/tests/conformance/pubsub"
	conformancestate "github.com/dapr/components-contrib/tests/conformance/state"

	_ "github.com/cenkalti/backoff/v4"
	_ "github.com/dapr/components-contrib/tests/conformance/bindings"
	_ "github.com/dapr/components-contrib/tests/conformance/secretstores"
	_ "github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

func TestThin(t *testing.T) {
	_ = conformancepubsub.ConformanceTests
	_ = conformancestate.ConformanceTests
	_ = context.Background()
}
