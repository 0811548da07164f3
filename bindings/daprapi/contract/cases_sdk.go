package contract

import (
	"context"
	"fmt"

	dapr "github.com/dapr/go-sdk/client"
)

// sdkCases make Dapr's Go client do what handlers use it for.
var sdkCases = map[string]testCase{
	"client": {
		reason: "the address and a token in the environment are all that the client needs",
		run: func(s *session) {
			s.t.Setenv("DAPR_API_TOKEN", s.at.Token)
			// NewClient makes one client for a process, and other runs have
			// other servers.
			c, err := dapr.NewClientWithAddressContext(s.ctx, "http://"+s.at.GRPC)
			if err != nil {
				s.t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(s.ctx, patience)
			defer cancel()
			note := func(call string, err error, values ...any) {
				text := fmt.Sprintln(values...)
				if err != nil {
					text = "error: " + err.Error()
				}
				s.add(call, text)
			}
			note("Wait", c.Wait(ctx, patience))
			note("SaveState", c.SaveState(ctx, "sqlite", "sdk", []byte("1"), nil))
			item, err := c.GetState(ctx, "sqlite", "sdk", nil)
			note("GetState", err, string(item.Value))
			s.words.etag(item.Etag)
			opts := []dapr.StateOption{dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite)}
			note("SaveStateWithETag", c.SaveStateWithETag(ctx, "sqlite", "sdk", []byte("2"), item.Etag, nil, opts...))
			note("SaveStateWithETag", c.SaveStateWithETag(ctx, "sqlite", "sdk", []byte("3"), item.Etag, nil, opts...))
			items, err := c.GetBulkState(ctx, "sqlite", []string{"sdk"}, nil, 1)
			note("GetBulkState", err, len(items))
			note("ExecuteStateTransaction", c.ExecuteStateTransaction(ctx, "sqlite", nil, []*dapr.StateOperation{
				{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "sdk", Value: []byte("4")}},
			}))
			note("DeleteState", c.DeleteState(ctx, "sqlite", "sdk", nil))
			note("PublishEvent", c.PublishEvent(ctx, "bus", "publish", map[string]int{"n": 1}))
			s.delivered(published, 1)
			out, err := c.InvokeBinding(ctx, &dapr.InvokeBindingRequest{Name: "disk", Operation: "list"})
			note("InvokeBinding", err, out != nil)
			secret, err := c.GetSecret(ctx, "vault", "plain", nil)
			note("GetSecret", err, secret)
			_, err = c.GetSecret(ctx, "nowhere", "plain", nil)
			note("GetSecret", err)
			answer, err := c.InvokeMethodWithContent(ctx, AppID, "echo", "post", &dapr.DataContent{Data: []byte("x"), ContentType: "text/plain"})
			note("InvokeMethod", err, string(answer))
			sub, err := c.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: "bus", Topic: "sdk"})
			note("Subscribe", err)
			if err != nil {
				return
			}
			note("PublishEvent", c.PublishEvent(ctx, "bus", "sdk", []byte(`{"n":2}`), dapr.PublishEventWithContentType("application/json")))
			msg, err := sub.Receive()
			note("Receive", err)
			if err != nil {
				return
			}
			note("event", nil, msg.Topic, string(msg.RawData), msg.DataContentType, msg.Type, msg.Source)
			note("Success", msg.Success())
			note("Close", sub.Close())
		},
	},
}
