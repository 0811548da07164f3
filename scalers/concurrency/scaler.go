package concurrency

import "time"

// Scaler keeps the averages and the mode of one function between decisions.
// It has no clock of its own and is not safe for concurrent use.
type Scaler struct {
	config   Config
	window   *window
	mode     Mode
	lastCall time.Time
}

// New returns a Scaler that has seen nothing.
func New(c Config) *Scaler {
	c = c.withDefaults()
	return &Scaler{config: c, window: newWindow(c.StableWindow)}
}

// Record notes the calls in flight: their average over the time since the
// last Record. Call it about once a second while there are replicas.
func (s *Scaler) Record(now time.Time, concurrency float64) {
	s.window.record(now, concurrency)
	if concurrency > 0 {
		s.Touch(now)
	}
}

// Touch notes that the function is in use, though no call may be in flight:
// it keeps its last replica for an idle window from now.
func (s *Scaler) Touch(now time.Time) {
	if now.After(s.lastCall) {
		s.lastCall = now
	}
}

// Replicas decides how many replicas there should be, given those ready now.
func (s *Scaler) Replicas(now time.Time, ready int) int {
	n, mode := s.config.Decide(s.mode, Observation{
		Now:      now,
		Ready:    ready,
		Stable:   s.window.average(now, s.config.StableWindow),
		Panic:    s.window.average(now, s.config.panicWindow()),
		LastCall: s.lastCall,
	})
	s.mode = mode
	return n
}

// Panicking says whether the last decision was made in panic mode.
func (s *Scaler) Panicking() bool { return s.mode.Panicking() }
