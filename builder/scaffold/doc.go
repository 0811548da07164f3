// Package scaffold writes the main that hosts a handler, and the workspace in
// which it is built, into a directory of its own. The handler's source stays
// as it is.
//
// The main is laid into the handler's module with the go command's -overlay:
// it is a directory that only the build sees. So the handler may be an
// internal package, and its module remains the main module, whose replace and
// exclude lines hold.
//
// What the main imports beside the handler comes in by a workspace (go.work)
// that uses the handler's module, those of its own workspace if it has one,
// and a module written here: the runtime, from the source that weft carries
// (the root package), with the few modules that the runtime needs. A module
// that requires Weft itself is built with the Weft that it requires. The
// handler's go.mod is neither changed nor raised to another version of the
// language, as a go.mod would be that gained a requirement of Weft.
//
// A module with a vendor directory is built from that directory: each module
// in it is replaced by its directory there, and lacks only a go.mod, which the
// overlay supplies. Modules that the runtime needs as well come from the
// module cache, since a vendor directory holds just those of their packages
// that the handler uses.
//
// Limits: the module cache or a proxy must have the modules of the runtime
// (and func-go for Knative func's handlers); the minimal versions that these
// ask for hold for the handler as well; an -overlay in GOFLAGS gives way to
// this one.
package scaffold
