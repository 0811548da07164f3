// Package adminserver answers the part of the admin API that an engine on one
// machine and the front of a mesh on a cluster have in common: status,
// invocations, dead letters and traces. Who may ask is for the server that
// mounts the routes to say; what only one of the two has, it adds to them.
package adminserver
