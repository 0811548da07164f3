// Package host is the HTTP server under a function: it receives deliveries and
// plain requests, calls the function, and answers as the contract between
// engines and functions asks.
//
// Authors use runtime/fn, whose Main runs a Host. Use this package to serve
// functions from a main of your own:
//
//	opts, err := host.FromEnv(os.Getenv)
//	…
//	h, err := host.New(opts, host.Function{Name: "hello", HTTP: handler})
//	…
//	err = h.Serve(ctx, listener) // until ctx ends, and the calls under way have
//
// A request with CloudEvents headers is a delivery: it must carry the
// function's token, and what the function answers or emits becomes its output.
// Any other request is plain HTTP: what the function emits is sent to K_SINK,
// and is durable before the client has its answer.
package host
