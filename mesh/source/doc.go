// Package source reads a mesh from files: the mesh file with all documents in
// it, those of resources/ and local/ beside it, and overrides of single
// fields. It reports every fault at once, each with file, line, column and
// field, and resolves references to secrets and config maps for the local
// engine.
package source
