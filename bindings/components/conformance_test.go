package components

import (
	_ "github.com/dapr/components-contrib/tests/conformance/bindings"
	_ "github.com/dapr/components-contrib/tests/conformance/pubsub"
	_ "github.com/dapr/components-contrib/tests/conformance/secretstores"
	_ "github.com/dapr/components-contrib/tests/conformance/state"
	_ "github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
	_ "github.com/cenkalti/backoff/v4"
)
