// Package scaffold writes the main that hosts a handler, and the go.mod with
// which it is built, into a directory of its own. The handler's source stays
// as it is.
//
// The main is laid into the handler's module with the go command's -overlay:
// it is a directory that only the build sees. So the handler may be an
// internal package, and its module remains the main module, whose replace,
// exclude and godebug lines hold.
//
// What the main imports beside the handler is required by a copy of the
// handler's go.mod, which -modfile puts in its place: the runtime, from the
// source that weft carries (the root package), with the few modules that the
// runtime needs. A module that requires Weft itself is built with the Weft that
// it requires. The copy asks for a newer Go than the module may do, so the
// module's own version of the language, and its defaults for GODEBUG, are set
// by flags. Build.Complete completes the copy, once, with a package that imports
// what hosts the handler and nothing else: whether the handler's own
// requirements are complete is for the build to say, with -mod=readonly.
//
// Modules of a workspace (go.work) become replace lines, with the workspace's
// own. A workspace of the build's own would be the plainer way, but makes the
// go command ask for modules of which the build needs nothing, and so for a
// network.
//
// A module with a vendor directory is built from that directory: each module
// in it is replaced by its directory there, and lacks only a go.mod, which the
// overlay supplies. Modules that the runtime needs as well come from the
// module cache, since a vendor directory holds just those of their packages
// that the handler uses.
//
// Limits: the module cache or a proxy must have the modules of the runtime (and
// func-go for Knative func's handlers); the minimal versions that these ask for
// hold for the handler as well; -overlay and -gcflags in GOFLAGS give way to
// these; a vendor directory beside a go.work is not used.
package scaffold
