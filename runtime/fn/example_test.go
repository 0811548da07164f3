package fn_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/fn"
)

type Order struct {
	ID    string   `json:"orderId"`
	Items []string `json:"items"`
}

type Result struct {
	Valid bool `json:"valid"`
}

func ExampleTyped() {
	validate := func(ctx context.Context, o Order) (Result, error) {
		if o.ID == "" {
			return Result{}, fn.Permanent(errors.New("order has no id"))
		}
		return Result{Valid: len(o.Items) > 0}, nil
	}
	fn.Typed("validateInventory", validate)
	fn.Main()
}

func ExampleHTTP() {
	fn.HTTP("ingestOrder", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var o Order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := fn.Emit(r.Context(), "validateInventory", o); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	fn.Main()
}

func ExampleCloudEvent() {
	fn.CloudEvent("notifyUser", func(ctx context.Context, e event.Event) error {
		var o Order
		if err := e.DataAs(&o); err != nil {
			return fn.Permanent(err)
		}
		slog.InfoContext(ctx, "notifying", "order", o.ID)
		return nil
	})
	fn.Main()
}

func ExampleEmit() {
	fn.Typed("routeOrder", func(ctx context.Context, o Order) (any, error) {
		// Sent only if this handler returns no error.
		if len(o.Items) == 0 {
			return nil, fn.Emit(ctx, "rejectOrder", o)
		}
		return nil, errors.Join(fn.Emit(ctx, "reserveStock", o), fn.Emit(ctx, "notifyUser", o))
	})
	fn.Main()
}

func ExampleRetryAfter() {
	fn.Typed("chargeCard", func(ctx context.Context, o Order) (Result, error) {
		if fn.Attempt(ctx) > 2 {
			fn.Logger(ctx).Warn("the bank is slow")
		}
		return Result{}, fn.RetryAfter(errors.New("the bank is busy"), 5*time.Second)
	})
	fn.Main()
}
