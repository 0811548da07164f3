// Package cluster is how the command line talks to a Kubernetes cluster that
// runs meshes: it applies a mesh, waits for it, reads what the controller says
// of it, and reaches its front through a connection that Kubernetes forwards,
// with the rights of the user's kubeconfig and no others.
package cluster
