// Package telemetry keeps what the local engine knows of its mesh: the
// metrics that Prometheus scrapes, the journeys of recent events through the
// functions, the log lines of functions and engine, and the console that
// shows them.
//
// Everything is bounded in memory and on disk, and nothing on the way of an
// event waits for a disk, a terminal or a scrape.
package telemetry
