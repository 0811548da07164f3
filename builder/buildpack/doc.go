// Package buildpack is Weft's Cloud Native Buildpack: it makes the same program
// of a Go handler that `weft build` makes, for pack, kpack and whatever else
// runs the lifecycle. Detect and Build are its two programs (Buildpack API 0.8,
// by libcnb); Main is both of them under their names. Package buildpackage
// makes the image that carries it.
//
// An image has one layer with the program, whose bytes depend on the code
// alone. The lifecycle keeps three more from one build to the next, none of
// which gets into an image: the go command's build cache, the modules, and what
// the builder knows of its last build, by which an unchanged function is not
// built at all.
package buildpack
