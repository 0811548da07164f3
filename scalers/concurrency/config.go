// Package concurrency decides how many replicas a function needs from the
// number of calls it has in flight, by the rules of Knative's pod autoscaler
// (KPA), so that a mesh scales on one machine as it does on a cluster.
//
// The rules are those of the pages "Configuring concurrency", "Additional
// autoscaling configuration for Knative Pod Autoscaler" and "Configuring scale
// bounds" of the Knative Serving documentation, and of docs/scaling/SYSTEM.md
// in its repository:
//
//   - wanted = ceil(average concurrency / target), with the average over the
//     stable window in stable mode and over the panic window in panic mode;
//   - panic mode begins when the panic window wants at least the panic
//     threshold (200 %) of the ready replicas, and ends once that has not
//     been so for a stable window; while it lasts nothing is scaled in;
//   - one decision scales out at most by the factor max-scale-up-rate, and in
//     at most by max-scale-down-rate;
//   - min and max bound the result, and it is zero only after the idle window.
package concurrency

import "time"

// Defaults of Config: those of Knative's config-autoscaler, except for Idle,
// which Knative derives from the stable window and its grace periods.
const (
	DefaultStableWindow     = time.Minute
	DefaultPanicPercentage  = 10.0
	DefaultPanicThreshold   = 200.0
	DefaultMaxScaleUpRate   = 1000.0
	DefaultMaxScaleDownRate = 2.0
	DefaultIdle             = 30 * time.Second
)

// Config of a Scaler. Target is required; zero fields have defaults.
type Config struct {
	// Target is the number of calls in flight that one replica should have
	// (autoscaling.knative.dev/target x target-utilization-percentage).
	Target float64
	// Min and Max bound the replicas; Max 0 is no bound.
	Min, Max int
	// Idle is how long there must be no call before the result may be zero.
	Idle time.Duration
	// StableWindow is what the stable average covers.
	StableWindow time.Duration
	// PanicPercentage of the stable window is the panic window.
	PanicPercentage float64
	// PanicThreshold, in percent of the ready replicas, is where panic begins.
	PanicThreshold float64
	// MaxScaleUpRate and MaxScaleDownRate are the factors by which one
	// decision may scale out and in.
	MaxScaleUpRate, MaxScaleDownRate float64
}

func (c Config) withDefaults() Config {
	c.Target = orDefault(c.Target, 1)
	c.Idle = orDefault(c.Idle, DefaultIdle)
	c.StableWindow = orDefault(c.StableWindow, DefaultStableWindow)
	c.PanicPercentage = orDefault(c.PanicPercentage, DefaultPanicPercentage)
	c.PanicThreshold = orDefault(c.PanicThreshold, DefaultPanicThreshold)
	c.MaxScaleUpRate = orDefault(c.MaxScaleUpRate, DefaultMaxScaleUpRate)
	c.MaxScaleDownRate = orDefault(c.MaxScaleDownRate, DefaultMaxScaleDownRate)
	return c
}

func orDefault[T float64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// panicWindow is the part of the stable window that panic looks at, at least
// a second.
func (c Config) panicWindow() time.Duration {
	return max(time.Second, time.Duration(float64(c.StableWindow)*c.PanicPercentage/100))
}
