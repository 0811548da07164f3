// Package controller makes the cluster hold what each FunctionMesh asks for.
//
// Package desired decides what that is, and is pure. Here it is applied by
// server-side apply where it differs from what is there, what is no longer
// desired is deleted, and the mesh's status says how far it is. An object that
// belongs to someone else is left alone and becomes a condition, as does a kind
// that the cluster does not know; both are looked at again when they change. A
// mesh of which nothing has changed costs no request.
package controller
