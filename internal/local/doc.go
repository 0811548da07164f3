// Package local is the local engine, what `weft up` runs: one process with the
// gateway, the dispatcher, an embedded JetStream and the admin API, and the
// functions of a mesh as child processes, started on demand.
package local
