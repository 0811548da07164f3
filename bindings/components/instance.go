package components

import (
	"sync"
)

// instance is an open component, shared by the sets that hold it.
type instance struct {
	part
	driver *driver
	// props are its metadata, resolved.
	props map[string]string
	// definition is what it was made of: sets share instances of the same.
	definition string

	mu   sync.Mutex
	held int
	// connect opens another instance of a pub/sub component, as a consumer.
	connect connect
	// own opens one for a user with metadata of its own.
	own openOwn
}

// share takes hold of the instance for another set, unless it is closed.
func (i *instance) share() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.held == 0 {
		return false
	}
	i.held++
	return true
}

// release lets go of the instance, and closes it if no one else holds it.
func (i *instance) release() error {
	i.mu.Lock()
	i.held--
	last := i.held == 0
	i.mu.Unlock()
	if !last {
		return nil
	}
	return i.close()
}
