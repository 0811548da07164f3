package replica

import "time"

// turnPatience bounds the wait for a turn: what takes longer to start than
// this is not short of a processor.
const turnPatience = 20 * time.Millisecond

// turns has at most as many processes start at once as it has room for, one
// for each processor. When a call wakes a whole chain, the function it waits
// for is then ready as soon as it would be alone, and those down the links
// start while it works, rather than all of them together late.
type turns chan struct{}

// try takes a turn if there is one.
func (t turns) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// take waits for a turn, unless needed is closed: a call waits. leave ends it.
func (t turns) take(needed <-chan struct{}) (leave func()) {
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case t <- struct{}{}:
		return t.leave
	case <-needed:
	case <-patience.C:
	}
	return func() {}
}

// leave gives a turn back.
func (t turns) leave() { <-t }
