// Package fntest tests functions without ports, processes or an engine.
//
// Call a handler directly with a harness's Context, and look at what it
// emitted:
//
//	h := fntest.New(t)
//	result, err := validate(h.Context(), Order{ID: "order-1"})
//	…
//	notices := fntest.EmittedAs[Notice](h, "notifyUser")
//
// Or serve it and deliver an event, as a dispatcher does: what runs is the host
// that runs in production, so decoding, errors and the wire are tested too.
//
//	h := fntest.New(t)
//	fntest.Typed(h, "validateInventory", validate)
//	out := h.Deliver(Order{ID: "order-1"})
//	if out.Kind != fntest.KindOutput { … }
//
// State stores, topics, bindings and secrets that a function uses are the
// harness's own, in memory, for the packages state, pubsub, binding and secret:
//
//	h.SetState("order-state", "lamp", Stock{Available: 3})
//	h.Deliver(Order{ID: "order-1", SKU: "lamp"})
//	left := fntest.StateAs[Stock](h, "order-state", "lamp")
//
// A handler that uses the client of dapr/go-sdk itself needs sdktest as well.
package fntest
