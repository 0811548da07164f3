// Package replica runs the functions of a mesh as child processes: on demand,
// several under load, none when idle; restarted when they crash and replaced
// when their code changes. Manager implements delivery.Endpoints.
//
// Each function has a pool of replicas. A call takes a place on the least
// loaded one, or waits in line for the next place; a pool without a replica
// starts one for the first in line. While there are calls or replicas to
// spare a pool looks once a second at what package scalers/concurrency makes
// of its load; at rest nothing ticks.
package replica
