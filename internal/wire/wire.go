// Package wire reads and writes CloudEvents 1.0 over HTTP, in binary,
// structured and batch mode (the CloudEvents HTTP protocol binding, 1.0.2).
//
// It exists beside the CloudEvents SDK's own binding because host, dispatcher
// and gateway need the modes apart, with bounds, and without the SDK's client
// in a hello function's binary. Events are the SDK's.
package wire
