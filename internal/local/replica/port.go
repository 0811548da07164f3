package replica

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// Functions get ports below those that systems give to outgoing connections
// (from 32768 on Linux, 49152 elsewhere): between the choice of a port and the
// function's listening nothing else takes it, and a connection to a port where
// nobody listens yet cannot meet itself.
const (
	firstPort = 20000
	lastPort  = 31999
)

// given are ports handed out lately, by when: their processes may not listen
// yet.
var given = struct {
	sync.Mutex
	at map[int]time.Time
}{at: make(map[int]time.Time)}

// freePort returns a loopback port where nobody listens.
func freePort() string {
	given.Lock()
	defer given.Unlock()
	now := time.Now()
	for port, at := range given.at {
		if now.Sub(at) > time.Minute {
			delete(given.at, port)
		}
	}
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if _, ok := given.at[port]; ok {
			continue
		}
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close() // it was only to see
			given.at[port] = now
			return strconv.Itoa(port)
		}
	}
	// Crowded: the system's choice, which the function then fails to listen
	// on if it is taken meanwhile, and is started again.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return strconv.Itoa(firstPort)
	}
	defer func() { _ = l.Close() }() // it was only to see
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
