// Package builder turns a function's source directory into something an
// engine can run. For the local engine that is a binary made by the go
// command: Go builds several functions at once, in one invocation per module,
// and leaves alone those whose inputs have not changed since they were last
// built, without starting the go command at all.
package builder
