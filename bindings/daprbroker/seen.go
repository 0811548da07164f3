package daprbroker

import "sync"

// seenMost is how many messages a queue remembers.
const seenMost = 1024

// seen are the messages taken last. A component may hand out copies of one
// message while it waits for room, more apart than Local knows an event.
type seen struct {
	mu    sync.Mutex
	known map[string]struct{}
	order []string
	next  int
}

func (s *seen) has(no string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.known[no]
	return ok
}

func (s *seen) add(no string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]struct{})
	}
	if _, ok := s.known[no]; ok {
		return
	}
	s.known[no] = struct{}{}
	if len(s.order) < seenMost {
		s.order = append(s.order, no)
		return
	}
	delete(s.known, s.order[s.next])
	s.order[s.next] = no
	s.next = (s.next + 1) % seenMost
}
