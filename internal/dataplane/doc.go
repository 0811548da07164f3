// Package dataplane is what runs in the pods of a mesh on a cluster beside its
// functions: the front (gateway, sink and a dispatcher) and more dispatchers.
// Gateway, sink and dispatcher are those of the local engine; what differs is
// where things are: functions at the addresses of their Services, queues at a
// NATS server, mesh and tokens in files that Kubernetes mounts.
//
//	<mesh dir>/mesh.yaml       the FunctionMesh and the components it needs
//	<tokens dir>/<function>    the function's token; names in kebab-case
//	<secrets dir>/<name>/<key> secrets that components refer to
//
// A change of the mesh is a new pod: the process reads its files once.
package dataplane
