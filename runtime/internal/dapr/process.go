package dapr

import (
	"context"
	"net/url"
	"os"
	"sync"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/runtime/internal/component"
)

// envPort is what Dapr's sidecar injector sets instead of an endpoint.
const envPort = "DAPR_GRPC_PORT"

// process is the client of this process, made when it is first needed.
var process struct {
	sync.Mutex
	endpoint, token string
	client          *component.Client
}

// From returns the client that ctx carries, which is a test's, else that of
// the process. The error is component.ErrNoEngine where the environment names
// no API; that it names one which does not answer shows in the first call.
func From(ctx context.Context) (*component.Client, error) {
	if c := component.From(ctx); c != nil {
		return c, nil
	}
	endpoint, token := os.Getenv(contract.EnvDaprGRPC), os.Getenv(contract.EnvDaprToken)
	if socket := os.Getenv(contract.EnvDaprSocket); socket != "" {
		endpoint = (&url.URL{Scheme: "unix", Path: socket}).String()
	}
	if endpoint == "" {
		if port := os.Getenv(envPort); port != "" {
			endpoint = "127.0.0.1:" + port
		}
	}
	if endpoint == "" {
		return nil, component.ErrNoEngine
	}
	process.Lock()
	defer process.Unlock()
	if process.client != nil && process.endpoint == endpoint && process.token == token {
		return process.client, nil
	}
	b, err := Dial(endpoint, token)
	if err != nil {
		return nil, err
	}
	// The client before, if the environment has changed, may be in use.
	process.endpoint, process.token, process.client = endpoint, token, &component.Client{Backend: b}
	return process.client, nil
}
