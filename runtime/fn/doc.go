// Package fn is what authors of functions import.
//
// A function is an HTTP server that an engine starts, calls and stops. Register
// one, or several, and call Main:
//
//	func main() {
//		fn.Typed("validateInventory", validate)
//		fn.Main()
//	}
//
//	func validate(ctx context.Context, o Order) (Result, error) {
//		if len(o.Items) == 0 {
//			return Result{}, fn.Permanent(errors.New("order has no items"))
//		}
//		…
//	}
//
// What a handler returns, or emits with Emit, is routed along the links of the
// mesh. It is delivered at least once: a handler may be called again with the
// same event, and must be idempotent by the event's id or a key in its data.
//
// # Kinds of functions
//
// [Typed] functions take and return values. The data of an event, or the JSON
// body of a plain POST, PUT, PATCH or DELETE, becomes an In: unknown fields are
// ignored; no data gives the zero value; data that does not fit is answered 400,
// another content type 415, other methods 405. In may also be []byte (the data
// as it is), string (text, or a JSON string) or event.Event (the event). An Out
// that JSON calls null, such as a nil pointer, is no output; an event.Event or
// []event.Event keeps the type, subject, time and extensions it has.
//
// [CloudEvent] functions take the event. A plain request becomes an event of
// type dev.weft.http.request, whose source is the path, and whose id the
// client's Idempotency-Key if there is one.
//
// [HTTP] functions are http.Handlers. Deliveries are POST requests in the
// CloudEvents binary mode; [Event] has the event. Small answers are held back
// until the handler returns, so that what it emits is durable before its client
// has the answer. Answers of more than 64 KiB and flushed ones stream. An answer
// that sets no Content-Type, and is a JSON object or array, gets
// application/json: links see its fields.
//
// # Errors
//
// An error is answered 500 and the event tried again, as the mesh's retry
// policy says. [Permanent] ends the tries, [RetryAfter] says when to try again.
// The text of an error travels with the event, to whoever handles the failure;
// its stack, if the handler panicked, only reaches the log.
//
// An event of a Dapr topic has no policy of the mesh: an error has its broker
// send it again, [Permanent] and data that do not fit drop it, each by way of
// the dead-letter topic if there is one. What Typed functions return for it
// goes nowhere. HTTP functions answer in Dapr's words themselves.
//
// # Environment
//
//	PORT             where to listen, 8080 by default
//	FUNCTION_TARGET  which of several functions to serve
//	LOG_LEVEL        debug, info (the default), warn or error
//	K_SINK           where emits of plain requests go; its last path segment is
//	                 the token that deliveries must carry
//	WEFT_TIMEOUT     of one call until its answer begins, such as 30s; none by default
//	WEFT_MAX_BODY    bound of a request's body in bytes, 4194304 by default
//	WEFT_GRACE       how long calls may finish after SIGTERM, 25s by default
package fn
