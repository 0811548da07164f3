package telemetry

import "sync"

// lineQueue hands lines from those that write them to the one that stores or
// shows them. Putting never blocks: beyond its bound the oldest lines are
// dropped and counted.
type lineQueue struct {
	mu     sync.Mutex
	wake   sync.Cond
	lines  []Line
	bytes  int
	lost   uint64
	closed bool
	// busy while taken lines are being worked on.
	busy bool
	idle sync.Cond
}

// Bounds of a queue.
const (
	queueLines = 8192
	queueBytes = 2 << 20
)

func newLineQueue() *lineQueue {
	q := &lineQueue{}
	q.wake.L, q.idle.L = &q.mu, &q.mu
	return q
}

// put adds a line; its text must not change afterwards.
func (q *lineQueue) put(l Line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	drop := 0
	for ; drop < len(q.lines) && (len(q.lines)-drop >= queueLines || q.bytes+len(l.Text) > queueBytes); drop++ {
		q.bytes -= len(q.lines[drop].Text)
	}
	if drop > 0 {
		// An eighth more goes with it, so that a flood moves the rest seldom.
		for more := min(drop+queueLines/8, len(q.lines)); drop < more; drop++ {
			q.bytes -= len(q.lines[drop].Text)
		}
		q.lost += uint64(drop)
		q.lines = append(q.lines[:0], q.lines[drop:]...)
	}
	q.lines = append(q.lines, l)
	q.bytes += len(l.Text)
	q.wake.Signal()
}

// take waits for lines and returns all there are and how many were lost since
// the last time; ok is false once the queue is closed and empty.
func (q *lineQueue) take(into []Line) (lines []Line, lost uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	if len(q.lines) == 0 {
		q.idle.Broadcast()
	}
	for len(q.lines) == 0 && !q.closed {
		q.wake.Wait()
	}
	if len(q.lines) == 0 {
		return nil, 0, false
	}
	lines, lost = q.lines, q.lost
	q.lines, q.bytes, q.lost = into[:0], 0, 0
	q.busy = true
	return lines, lost, true
}

// flush waits until all that has been put has been worked on.
func (q *lineQueue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (len(q.lines) > 0 || q.busy) && !q.closed {
		q.idle.Wait()
	}
}

func (q *lineQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.wake.Broadcast()
	q.idle.Broadcast()
	q.mu.Unlock()
}
