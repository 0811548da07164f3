// Package detect reads a directory of Go source and says which kind of
// handler it holds and why. Nothing is compiled or run, and no other package
// is read: types are told apart by import path and name, so that a directory
// is judged in about a millisecond, offline, whatever its dependencies are.
//
// These are the kinds:
//
//   - a program: package main. It is built as it stands, whether it ends in
//     fn.Main or serves HTTP by its own means.
//   - runtime/fn: a package that registers with fn.HTTP, fn.CloudEvent or
//     fn.Typed when it is initialised.
//   - functions-framework-go: a package that registers with functions.HTTP,
//     functions.CloudEvent or functions.Typed, or with the older
//     funcframework.Register… functions.
//   - Knative func: a package with a function Handle, or a function New that
//     returns a value with the method Handle; HTTP or one of twelve CloudEvents
//     forms.
//   - OpenFunction: a function of an ofctx.Context and bytes.
//
// Code that almost is one of these gets an error that shows the signature
// found beside the nearest accepted one.
package detect
