package call

import "time"

// Failure is an error that says how the call's caller is to take it.
type Failure struct {
	// Status of the answer.
	Status int
	// After is when to try again at the earliest; for 503 only.
	After time.Duration
	Err   error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error that the author gave.
func (f *Failure) Unwrap() error { return f.Err }
