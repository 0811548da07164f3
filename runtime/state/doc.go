// Package state keeps values in the state stores that a mesh declares.
//
//	var stock = state.Of[Stock]("order-state")
//
//	func reserve(ctx context.Context, o Order) (Decision, error) {
//		err := stock.Update(ctx, o.SKU, func(s *Stock) error { return s.Reserve(o.ID, o.Quantity) })
//		…
//	}
//
// The engine serves the store, whatever it is: a handler knows no address and
// no password. It reaches the stores that the mesh file lists under the
// function's `state`, and shares their keys with the other functions of the
// mesh, unless the component's keyPrefix says otherwise.
//
// # Values
//
// Values are JSON, so that programs in other languages and Dapr's own tools
// read them. A Store of []byte keeps bytes as they are. A Store of string
// writes a JSON string, and reads text that is none as it is.
//
// # Several writers
//
// A Set without a condition is last-write-wins. Update and Transaction read,
// call a function and write, and begin again when someone else has written in
// between, so that no change is lost. Of several that Set or SetMany the same
// key with IfMissing, one succeeds: so a result is filed once, without reading
// before.
//
// # Errors
//
// A handler may return the errors of this package as they are: the event is
// tried again, as the mesh's retry policy says. A call that failed with
// anything but ErrConflict may have been carried out (its answer was lost): file
// the result of an event under a key in the same Update or Transaction as its
// effect, and look there first.
//
// # Tests
//
// With the context of a fntest harness the stores are in memory, each
// harness's its own.
package state
