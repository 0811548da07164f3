package replica

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// run starts the process of a replica, waits until it answers, and sees it to
// its end.
func (r *replica) run() {
	p := r.pool
	p.event(Event{Kind: KindStarting, Revision: r.revision.name})
	address := net.JoinHostPort("127.0.0.1", freePort())
	cmd, err := p.command(r.revision, address)
	if err != nil {
		r.lost(err.Error(), false)
		return
	}
	proc, err := p.m.spawner.spawn(cmd.argv, cmd.env, p.f.Service, r.lines(cmd))
	if err != nil {
		r.lost(err.Error(), false)
		return
	}
	spawned := time.Now()
	p.mu.Lock()
	r.process = proc
	p.mu.Unlock()

	listened, err := r.await(proc, address)
	patient := true
	if err == nil && r.ready("http://"+address) {
		p.event(Event{
			Kind: KindReady, Revision: r.revision.name, PID: proc.pid, URL: "http://" + address,
			Spawn: spawned.Sub(r.began), Listen: listened.Sub(spawned), Ready: time.Since(listened),
		})
		select {
		case <-proc.done:
		case <-r.idle:
			proc.stop(p.m.opts.Grace, p.m.hurry)
		}
	} else {
		// A process that has ended says why by itself.
		select {
		case <-proc.done:
			err = nil
		default:
			patient = false
			proc.stop(p.m.opts.Grace, p.m.hurry)
		}
	}
	<-proc.done
	p.m.ledger.remove(proc.pid)
	if cmd.debugger != "" {
		p.m.ledger.remove(int(p.debuggee.Swap(0)))
	}
	p.m.conns.forget(address)
	r.lost(r.epitaph(err), patient)
}

// epitaph says why a replica ended. err is why it never became ready, if the
// manager gave it up.
func (r *replica) epitaph(err error) string {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	switch {
	case err != nil:
		reason := err.Error()
		if last := r.process.lines.last(5); last != "" {
			reason += "; its last lines: " + last
		}
		return reason
	case r.reason != "":
		return r.reason
	case r.readyAt.IsZero():
		return "exits at start: " + r.process.ended()
	}
	return "crashed: " + r.process.ended()
}

// lines returns what is to be done with a process's lines.
func (r *replica) lines(cmd command) func(int, []byte) {
	p := r.pool
	output := p.m.opts.Output
	if cmd.debugger == "" {
		if output == nil {
			return nil
		}
		return func(pid int, line []byte) { output(p.f, pid, line) }
	}
	return func(pid int, line []byte) {
		if strings.HasPrefix(string(line), debuggerListens) {
			for _, child := range children(pid) {
				p.m.ledger.add(child, p.f.Service)
				p.debuggee.Store(int64(child))
			}
			p.event(Event{Kind: KindDebugging, Revision: r.revision.name, PID: pid, Address: cmd.debugger})
		}
		if output != nil {
			output(p.f, pid, line)
		}
	}
}

// suspect looks whether a replica that broke a call still listens. Until that
// is known it takes no calls, as a process that is about to be reaped would
// break them one after the other. The lock is held.
func (p *pool) suspect(r *replica) {
	if r.suspect || r.state != stateReady {
		return
	}
	r.suspect = true
	go func() {
		conn, err := net.DialTimeout("tcp", hostOf(r.url), time.Second)
		if err == nil {
			_ = conn.Close() // it was only to see
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		r.suspect = false
		if err == nil || r.state != stateReady {
			p.grant()
			return
		}
		// Out of the way of calls, though not by wish: lost counts it.
		r.suspect = true
		if r.process == nil {
			r.quiet()
			return
		}
		go r.giveUp()
	}()
}

// giveUp ends a process that does not listen any more. One that is dying is
// left to say why by itself.
func (r *replica) giveUp() {
	select {
	case <-r.process.done:
		return
	case <-time.After(drainOutput):
	}
	r.pool.mu.Lock()
	r.reason = fmt.Sprintf("stopped listening at %s", r.url)
	r.pool.mu.Unlock()
	r.process.stop(r.pool.m.opts.Grace, r.pool.m.hurry)
}

// attach takes the server at the revision's url as a replica.
func (r *replica) attach() {
	p := r.pool
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", hostOf(r.revision.code.URL))
	if err != nil {
		r.lost(fmt.Sprintf("nothing answers at its url %s (%v); start the server there, or take the url out of the mesh", r.revision.code.URL, err), false)
		return
	}
	_ = conn.Close() // it was only to see
	if r.ready(strings.TrimSuffix(r.revision.code.URL, "/")) {
		p.event(Event{Kind: KindReady, Revision: r.revision.name, URL: r.revision.code.URL, Listen: time.Since(r.began)})
	}
	<-r.idle
	r.lost(fmt.Sprintf("nothing answers at its url %s any more", r.revision.code.URL), false)
}

// hostOf returns host and port of a URL.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}
