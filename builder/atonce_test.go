package builder

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestEventsAtOnce calls handlers of events from many clients at once: no
// request may be left without an answer, as some are by services of their
// frameworks.
func TestEventsAtOnce(t *testing.T) {
	cases := map[string]struct {
		reason, source string
		packages       []string
	}{
		"func": {"each request has a service of func-go to itself", `
-- functions/hello/f.go --
package function

import ("context"; "github.com/cloudevents/sdk-go/v2/event")

func Handle(context.Context, event.Event) error { return nil }
`, []string{ce}},
		"framework": {"a receiver stays until it has received", `
-- functions/hello/f.go --
package greet

import ("context"; cloudevents "github.com/cloudevents/sdk-go/v2"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

func init() { functions.CloudEvent("hello", func(context.Context, cloudevents.Event) error { return nil }) }
`, []string{gcf, old, ce}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := buildHandler(t, handlerProject(t, tc.source, tc.packages...))
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			// The host answers 504 for a handler that does not.
			s := serve(t, r.Binary, "WEFT_TIMEOUT=10s", "GOMAXPROCS=4")
			const clients, calls = 32, 400
			transport := &http.Transport{MaxIdleConnsPerHost: clients}
			defer transport.CloseIdleConnections()
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					for range calls {
						if err := s.deliver(transport); err != nil {
							t.Errorf("%s: %v", tc.reason, err)
							return
						}
					}
				})
			}
			wg.Wait()
			s.stop()
		})
	}
}

// deliver posts an event.
func (s *served) deliver(client http.RoundTripper) error {
	req, err := http.NewRequest(http.MethodPost, s.url, strings.NewReader(`{"n":1}`))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Weft-Token": "token",
		"Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "order", "Ce-Specversion": "1.0",
	} {
		req.Header.Set(name, value)
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return err
}
