package together

import "time"

// How long, and how much, Recent remembers.
const (
	lifetime   = 5 * time.Second
	maxEntries = 4096
)

// Recent remembers values for 5 to 10 seconds, and between 4,096 and twice as
// many. It is for one goroutine at a time, as what a Group calls is.
type Recent[V any] struct {
	// What is older than both goes as a whole: nothing has to be looked for.
	young, old map[string]V
	since      time.Time
}

// NewRecent returns an empty one.
func NewRecent[V any]() *Recent[V] { return &Recent[V]{young: make(map[string]V), since: time.Now()} }

// Get returns the value of a key, if it is remembered.
func (r *Recent[V]) Get(key string) (V, bool) {
	r.age(time.Now())
	v, ok := r.young[key]
	if !ok {
		v, ok = r.old[key]
	}
	return v, ok
}

// Put remembers a value.
func (r *Recent[V]) Put(key string, v V) {
	r.age(time.Now())
	r.young[key] = v
}

func (r *Recent[V]) age(now time.Time) {
	age := now.Sub(r.since)
	if age < lifetime && len(r.young) < maxEntries {
		return
	}
	if r.old = r.young; age >= 2*lifetime {
		r.old = nil
	}
	r.young, r.since = make(map[string]V), now
}
