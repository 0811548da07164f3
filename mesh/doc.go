// Package mesh compiles a FunctionMesh into a Plan: the graph of functions
// and links with their Kubernetes names, conditions and effective policies.
//
// It is pure: no files, no network, no clock. Reading files is mesh/source.
package mesh
