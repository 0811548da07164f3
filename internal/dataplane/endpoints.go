package dataplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// freshFor is how long after an answer a function counts as awake. It is
	// less than the shortest window after which Knative takes the last replica
	// away (6s).
	freshFor = 5 * time.Second
	// wakeLimit bounds one attempt to wake a function, for all who wait for it.
	// Then its events go back to their queue with no attempt spent, one of them
	// comes again after wakeRest to try anew, and a warning says so: a function
	// that never wakes keeps its events for as long as it takes.
	wakeLimit = time.Minute
	wakeRest  = time.Second
	// readyLimit is that for a function which no call wakes.
	readyLimit = 5 * time.Second
	// coldFrom is the wait from which on a call counts as a cold start: an
	// awake function answers its health path in a few milliseconds.
	coldFrom = 100 * time.Millisecond
	// maxConnections that are kept open to one Service.
	maxConnections = 256
)

// services finds functions at the addresses of their Services.
//
// A function at zero is woken by asking its health path: Knative's activator
// holds that request until a replica is ready. So the wait is not charged to
// the timeout of the call, which begins when there is someone to call, as on
// one machine.
type services struct {
	transport *http.Transport
	byName    map[*mesh.Function]*service

	// pace is the pause between functions that are woken ahead.
	pace time.Duration

	mu sync.Mutex
	// turn is when the next function may be woken ahead of its first event.
	turn time.Time
}

type service struct {
	f                *mesh.Function
	url, host, token string
	transport        http.RoundTripper
	// wakes says that a call starts a replica if there is none.
	wakes bool
	// going says that the pod goes, and with it a function that is in it; nil for
	// others.
	going func() bool

	mu sync.Mutex
	// fresh is until when the function counts as awake.
	fresh time.Time
	// waking is the attempt that is under way; nil if none is.
	waking *attempt
	// awaits says that it has a turn to be woken ahead.
	awaits bool
}

// attempt to wake a function. err is why it failed, known when done is closed.
type attempt struct {
	done chan struct{}
	err  error
}

var _ delivery.Endpoints = (*services)(nil)

// newServices knows all functions of a plan. address gives a URL without path;
// local is the function in the same pod, if any, and going says that the pod goes.
func newServices(p *mesh.Plan, tokens map[string]string, address func(*mesh.Function) string, local *mesh.Function, going func() bool) *services {
	s := &services{
		pace: pace,
		transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		},
		byName: make(map[*mesh.Function]*service, len(p.Functions)),
	}
	for _, f := range p.Functions {
		svc := &service{f: f, url: address(f), token: tokens[f.Name], transport: s.transport}
		// What comes with the pod is on its way; KEDA starts pods by the queue's
		// lag alone.
		svc.wakes = f == local || f.Spec.Scaler != v1beta1.ScalerKEDA
		if f == local {
			svc.going = going
		}
		if u, err := url.Parse(svc.url); err == nil {
			svc.host = u.Host // Knative's ingress tells its services apart by it
		}
		s.byName[f] = svc
	}
	return s
}

// Acquire implements delivery.Endpoints: it returns when the function is awake.
// How many calls it takes at once is for its Service to say.
func (s *services) Acquire(ctx context.Context, f *mesh.Function) (delivery.Endpoint, error) {
	svc := s.byName[f]
	if svc == nil {
		return delivery.Endpoint{}, fmt.Errorf("%s is not of this mesh", f.Name)
	}
	began := time.Now()
	if err := svc.awake(ctx); err != nil {
		return delivery.Endpoint{}, err
	}
	e := delivery.Endpoint{URL: svc.url, Host: svc.host, Token: svc.token, Transport: svc, Release: svc.release}
	if wait := time.Since(began); wait >= coldFrom {
		e.ColdStart = wait
	}
	return e, nil
}

// pace is the pause between functions that are woken ahead of their first event.
// Pods that start at the same moment on a node hold each other up, and the first
// is the one that somebody waits for; a function that is called before its turn
// is woken at once all the same.
const pace = 150 * time.Millisecond

// Prewarm implements delivery.Endpoints. A function has one turn at a time, however
// many calls ask for it.
func (s *services) Prewarm(f *mesh.Function) {
	svc := s.byName[f]
	if svc == nil || !svc.wakes || !svc.await() {
		return
	}
	s.mu.Lock()
	now := time.Now()
	wait := max(s.turn.Sub(now), 0)
	s.turn = now.Add(wait + s.pace)
	s.mu.Unlock()
	if wait == 0 {
		svc.comes()
		return
	}
	time.AfterFunc(wait, svc.comes)
}

// await says whether the function is to have a turn: not if it is awake, is being
// woken or has one.
func (s *service) await() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaits || s.waking != nil || time.Now().Before(s.fresh) {
		return false
	}
	s.awaits = true
	return true
}

// comes is the function's turn.
func (s *service) comes() {
	s.mu.Lock()
	s.awaits = false
	s.mu.Unlock()
	s.wake()
}

// RoundTrip implements http.RoundTripper. Where nobody can have got the request it
// gives an *delivery.UnavailableError: no attempt is spent then. That is so where
// no connection came about, and taken to be so in a pod that goes: the function
// may be gone a moment before its dispatcher hears that it is to go as well.
func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.transport.RoundTrip(req)
	if err == nil || req.Context().Err() != nil {
		return resp, err
	}
	var op *net.OpError
	switch {
	case s.going != nil && s.going():
		err = &delivery.UnavailableError{Function: s.f.Name, Reason: "its pod goes: " + err.Error(), RetryAfter: wakeRest}
	case errors.As(err, &op) && op.Op == "dial":
		err = &delivery.UnavailableError{Function: s.f.Name, Reason: err.Error(), RetryAfter: wakeRest}
	}
	return nil, err
}

// release notes how a call went: what answered is awake.
func (s *service) release(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if broken {
		s.fresh = time.Time{}
	} else {
		s.fresh = time.Now().Add(freshFor)
	}
}

// awake returns once the function is, with ctx's error, or with an
// *delivery.UnavailableError if an attempt to wake it failed.
func (s *service) awake(ctx context.Context) error {
	a := s.wake()
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wake begins an attempt to wake the function unless it is awake (nil) or one
// is under way, and returns that.
func (s *service) wake() *attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case time.Now().Before(s.fresh):
		return nil
	case s.waking == nil:
		s.waking = &attempt{done: make(chan struct{})}
		go s.knock(s.waking)
	}
	return s.waking
}

// knock asks the health path until the function answers it.
func (s *service) knock(a *attempt) {
	limit := wakeLimit
	if !s.wakes {
		limit = readyLimit
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var err, last error
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if err = s.answers(ctx); err == nil || ctx.Err() != nil {
			break
		}
		last = err // the end of the time says less than what was before it
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.fresh = time.Now().Add(freshFor)
	} else {
		a.err = s.asleep(limit, cmp.Or(last, err))
	}
	s.waking = nil
	close(a.done)
}

// asleep is the error of a function that did not wake.
func (s *service) asleep(limit time.Duration, err error) error {
	reason := fmt.Sprintf("no replica answered within %s: %v", limit, err)
	if !s.wakes {
		reason = fmt.Sprintf("no pod is ready, and with scaler: keda a call starts none: set scaling.minReplicas to 1 or more, or use scaler: knative (%v)", err)
	}
	return &delivery.UnavailableError{Function: s.f.Name, Reason: reason, RetryAfter: wakeRest}
}

// answers says why the function does not take calls, nil if it does. The path is
// that of its container's readiness probe, so no replica that is ready answers
// it with an error: a 404 is of an ingress that has not heard of the Service yet.
func (s *service) answers(ctx context.Context) error {
	path := contract.PathReadiness
	if p := s.f.Spec.ReadinessProbe; p != nil {
		path = p.HTTPGet.Path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection can be kept
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("its health path answers %d", resp.StatusCode)
	}
	return nil
}
