package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

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
	wakeLimit = 5 * time.Minute
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
}

type service struct {
	url, token string
	transport  http.RoundTripper

	mu sync.Mutex
	// fresh is until when the function counts as awake.
	fresh time.Time
	// waking is closed when the attempt that is under way has ended; nil if
	// none is.
	waking chan struct{}
}

var _ delivery.Endpoints = (*services)(nil)

// newServices knows all functions of a plan. address gives a URL without path.
func newServices(p *mesh.Plan, tokens map[string]string, address func(*mesh.Function) string) *services {
	s := &services{
		transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		},
		byName: make(map[*mesh.Function]*service, len(p.Functions)),
	}
	for _, f := range p.Functions {
		s.byName[f] = &service{url: address(f), token: tokens[f.Name], transport: s.transport}
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
	e := delivery.Endpoint{URL: svc.url, Token: svc.token, Transport: s.transport, Release: svc.release}
	if wait := time.Since(began); wait >= coldFrom {
		e.ColdStart = wait
	}
	return e, nil
}

// Prewarm implements delivery.Endpoints.
func (s *services) Prewarm(f *mesh.Function) {
	if svc := s.byName[f]; svc != nil {
		svc.wake()
	}
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

// awake returns once the function is, or with ctx's error.
func (s *service) awake(ctx context.Context) error {
	for {
		done := s.wake()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wake begins an attempt to wake the function unless it is awake (nil) or one
// is under way, and returns what is closed when it has ended.
func (s *service) wake() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case time.Now().Before(s.fresh):
		return nil
	case s.waking == nil:
		s.waking = make(chan struct{})
		go s.knock()
	}
	return s.waking
}

// knock asks the health path until the function answers it.
func (s *service) knock() {
	ctx, cancel := context.WithTimeout(context.Background(), wakeLimit)
	defer cancel()
	up := false
	for pause := 10 * time.Millisecond; !up; pause = min(2*pause, time.Second) {
		if up = s.answers(ctx); up || ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if up {
		s.fresh = time.Now().Add(freshFor)
	}
	close(s.waking)
	s.waking = nil
}

// answers says whether the function's server answers at all. A 404 is an
// answer: not every server has the health path.
func (s *service) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+contract.PathReadiness, nil)
	if err != nil {
		return false
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection can be kept
	_ = resp.Body.Close()
	return resp.StatusCode < http.StatusInternalServerError
}
