// Package scalers is the house of what decides how many replicas a function
// has. Package concurrency, below it, decides by the calls in flight, as
// Knative's pod autoscaler does, for functions that run on one machine.
package scalers
