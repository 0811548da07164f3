package replica

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/weftmesh/weft/internal/contract"
)

// Steps between two looks whether a process listens that has not told so. A
// look at a closed loopback port costs some ten microseconds.
var steps = []struct{ until, step time.Duration }{
	{250 * time.Millisecond, time.Millisecond},
	{2 * time.Second, 5 * time.Millisecond},
}

const lastStep = 50 * time.Millisecond

// probeTimeout bounds one look at the health path.
const probeTimeout = time.Second

// await waits until the process answers at the address, or tells that it does,
// and returns when it first listened.
func (r *replica) await(proc *process, address string) (listened time.Time, err error) {
	began := time.Now()
	last := "it does not listen there"
	for {
		conn, err := net.DialTimeout("tcp", address, probeTimeout)
		if err == nil {
			if listened.IsZero() {
				listened = time.Now()
			}
			if err = r.probe(conn, address); err == nil {
				return listened, nil
			}
			last = err.Error()
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			last = err.Error()
		}
		waited := time.Since(began)
		if limit := r.startTimeout(); waited > limit && !r.pool.debug {
			return listened, fmt.Errorf("not ready within %s: it must answer HTTP on the port in $%s (%s), and %s", limit, contract.EnvPort, address, last)
		}
		told, err := r.rest(proc, waited)
		switch {
		case err != nil:
			return listened, err
		case told && listened.IsZero():
			return time.Now(), nil
		case told:
			return listened, nil
		}
	}
}

// startTimeout is the function's own, or the engine's.
func (r *replica) startTimeout() time.Duration {
	if t := r.pool.f.Spec.StartTimeout; t != nil {
		return t.Duration
	}
	return r.pool.m.opts.StartTimeout
}

// readiness is the path that is asked, the contract's unless the function has
// its own.
func (r *replica) readiness() string {
	if p := r.pool.f.Spec.ReadinessProbe; p != nil {
		return p.HTTPGet.Path
	}
	return contract.PathReadiness
}

var errEnded = errors.New("the process has ended")

// rest pauses between two looks, shorter if there is no more to look for. told
// says that there is not because the process has told that it is ready.
func (r *replica) rest(proc *process, waited time.Duration) (told bool, err error) {
	step := lastStep
	for _, s := range steps {
		if waited < s.until {
			step = s.step
			break
		}
	}
	timer := time.NewTimer(step)
	defer timer.Stop()
	ready := proc.told
	if r.readiness() != contract.PathReadiness {
		ready = nil // what it tells is about the contract's path
	}
	select {
	case <-proc.done:
	case <-r.idle:
	case <-ready:
	case <-timer.C:
	}
	// Of several that are ready select takes any.
	select {
	case <-proc.done:
		return false, errEnded
	case <-r.idle:
		return false, errStopped
	default:
	}
	select {
	case <-ready:
		return true, nil
	default:
		return false, nil
	}
}

// probe asks for readiness. Any HTTP server is a function, so that a path it
// does not know, or a method, is an answer too. The connection is kept for
// the first call.
func (r *replica) probe(conn net.Conn, address string) error {
	keep := false
	defer func() {
		if !keep {
			_ = conn.Close() // nothing is lost with it
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+address+r.readiness(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "weft-probe")
	if err := req.Write(conn); err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, 1<<10)
	res, err := http.ReadResponse(in, req)
	if err != nil {
		return fmt.Errorf("it does not answer HTTP there: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxLine))
	if err != nil {
		return err
	}
	if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented {
		return fmt.Errorf("it answers %s with %d", r.readiness(), res.StatusCode)
	}
	if !res.Close && n < maxLine && in.Buffered() == 0 && conn.SetDeadline(time.Time{}) == nil {
		keep = r.pool.m.conns.keep(address, conn)
	}
	return nil
}
