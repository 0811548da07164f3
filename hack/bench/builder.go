//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/weftmesh/weft/builder"
)

// building is what the builder makes of a handler, beside what is made without
// it.
type building struct {
	HTTP        httpRates   `json:"host_http"`
	CloudEvents eventRates  `json:"cloudevents"`
	Framework   behindHost  `json:"framework_behind_host"`
	Rebuild     rebuild     `json:"rebuild"`
	Image       imageSize   `json:"image"`
	Method      hostsMethod `json:"method"`
}

// httpRates are answers a second of the same handler of HTTP: by Weft's host,
// by net/http and nothing else, and in Knative func's form by the host.
type httpRates struct {
	Weft    float64 `json:"weft_rps"`
	NetHTTP float64 `json:"net_http_rps"`
	Func    float64 `json:"func_rps"`
	Ratio   float64 `json:"ratio"`
	// Processor time of the server for an answer.
	WeftUS    float64 `json:"weft_cpu_us"`
	NetHTTPUS float64 `json:"net_http_cpu_us"`
	FuncUS    float64 `json:"func_cpu_us"`
}

// eventRates are answers a second of the same handler of events.
type eventRates struct {
	Weft      float64 `json:"weft_rps"`
	Framework float64 `json:"functions_framework_rps"`
	FuncGo    float64 `json:"func_go_rps"`
	// NetHTTP reads the same requests with net/http, and makes no event of them.
	NetHTTP float64 `json:"net_http_rps"`
	Ratios  struct {
		Framework float64 `json:"functions_framework"`
		FuncGo    float64 `json:"func_go"`
		// What net/http alone has of the two: more than that there is not to gain.
		NetHTTPFramework float64 `json:"net_http_of_functions_framework"`
		NetHTTPFuncGo    float64 `json:"net_http_of_func_go"`
	} `json:"ratios"`
	NetHTTPUS   float64 `json:"net_http_cpu_us"`
	WeftUS      float64 `json:"weft_cpu_us"`
	FrameworkUS float64 `json:"functions_framework_cpu_us"`
	FuncGoUS    float64 `json:"func_go_cpu_us"`
	// Requests that were never answered: a receiver of the CloudEvents SDK may
	// leave before it has taken the request of another.
	WeftLost      int64 `json:"weft_lost"`
	FrameworkLost int64 `json:"functions_framework_lost"`
	FuncGoLost    int64 `json:"func_go_lost"`
}

// behindHost is what it costs to put the host before functions-framework-go.
type behindHost struct {
	Alone    float64 `json:"alone_rps"`
	Behind   float64 `json:"behind_rps"`
	Ratio    float64 `json:"ratio"`
	AloneUS  float64 `json:"alone_cpu_us"`
	BehindUS float64 `json:"behind_cpu_us"`
}

// hostsMethod says how the rates were measured.
type hostsMethod struct {
	Connections int     `json:"connections"`
	Rounds      int     `json:"rounds"`
	Seconds     float64 `json:"seconds_each"`
	Processors  int     `json:"gomaxprocs_of_each_server"`
}

// connections that each server is called on, each with the next request as
// soon as it has the last answer.
const connections = 32

// hosts are the servers that are compared. All bytes that they are sent are the
// same for those of one kind.
type hosts struct {
	bare, weft, knative, framework, behind *hosted
	weftEvents, frameworkEvents, funcgo    *hosted
	bareEvents                             *hosted
}

func measureHosts(ctx context.Context, b *bench) (r building, err error) {
	servers, err := startHosts(ctx, b)
	defer func() { err = errors.Join(err, servers.stop()) }()
	if err != nil {
		return r, err
	}
	for _, s := range servers.all() { // connections, caches, heaps
		if err := s.turn(ctx, b.turn/2); err != nil {
			return r, err
		}
		s.rates, s.costs = nil, nil
	}
	for n := range b.turns {
		all := servers.all()
		if n%2 == 1 { // what goes before does not always go before
			slices.Reverse(all)
		}
		for _, s := range all {
			if err := s.turn(ctx, b.turn); err != nil {
				return r, err
			}
		}
	}
	r.Method = hostsMethod{Connections: connections, Rounds: b.turns, Seconds: b.turn.Seconds(), Processors: 1}
	servers.figures(&r)
	return r, nil
}

func (h *hosts) all() []*hosted {
	all := []*hosted{h.bare, h.weft, h.knative, h.framework, h.behind, h.weftEvents, h.frameworkEvents, h.funcgo, h.bareEvents}
	return slices.DeleteFunc(all, func(s *hosted) bool { return s == nil })
}

func (h *hosts) stop() (err error) {
	for _, s := range h.all() {
		err = errors.Join(err, s.stop())
	}
	return err
}

func (h *hosts) figures(r *building) {
	r.HTTP = httpRates{Weft: h.weft.rate(), NetHTTP: h.bare.rate(), Func: h.knative.rate(), Ratio: ratio(h.weft, h.bare),
		WeftUS: h.weft.cost(), NetHTTPUS: h.bare.cost(), FuncUS: h.knative.cost()}
	r.CloudEvents = eventRates{Weft: h.weftEvents.rate(), Framework: h.frameworkEvents.rate(), FuncGo: h.funcgo.rate(), NetHTTP: h.bareEvents.rate(),
		WeftUS: h.weftEvents.cost(), NetHTTPUS: h.bareEvents.cost(), FrameworkUS: h.frameworkEvents.cost(), FuncGoUS: h.funcgo.cost(),
		WeftLost: h.weftEvents.lost, FrameworkLost: h.frameworkEvents.lost, FuncGoLost: h.funcgo.lost}
	r.CloudEvents.Ratios.Framework = ratio(h.weftEvents, h.frameworkEvents)
	r.CloudEvents.Ratios.FuncGo = ratio(h.weftEvents, h.funcgo)
	r.CloudEvents.Ratios.NetHTTPFramework = ratio(h.bareEvents, h.frameworkEvents)
	r.CloudEvents.Ratios.NetHTTPFuncGo = ratio(h.bareEvents, h.funcgo)
	r.Framework = behindHost{Alone: h.framework.rate(), Behind: h.behind.rate(), Ratio: ratio(h.behind, h.framework),
		AloneUS: h.framework.cost(), BehindUS: h.behind.cost()}
}

// startHosts builds the servers and starts them. What it has started it returns
// beside an error too.
func startHosts(ctx context.Context, b *bench) (*hosts, error) {
	h := &hosts{}
	const at = "hack/bench/builder/"
	places := []struct {
		into      **hosted
		dir, name string
		answer    int
		request   []byte
	}{
		{&h.bare, at + "nethttp", "http", 200, plainRequest},
		{&h.weft, at + "weft", "http", 200, plainRequest},
		{&h.knative, at + "hosted/knative", "http", 200, plainRequest},
		{&h.framework, at + "framework", "http", 200, plainRequest},
		{&h.behind, at + "hosted/framework", "http", 200, plainRequest},
		{&h.weftEvents, at + "weft", "event", 204, eventRequest},
		{&h.frameworkEvents, at + "framework", "event", 200, eventRequest},
		{&h.funcgo, at + "funcgo", "event", 200, eventRequest},
		{&h.bareEvents, at + "nethttp", "event", 204, eventRequest},
	}
	var requests []builder.Request
	for _, p := range places {
		requests = append(requests, builder.Request{Function: p.name, Name: filepath.Base(p.dir), Dir: p.dir, Output: filepath.Join(b.dir, "hosts", filepath.Dir(p.dir))})
	}
	built := map[string]string{}
	for i, p := range places {
		if built[p.dir] != "" {
			continue
		}
		r := (&builder.Go{Root: b.root}).Build(ctx, requests[i])[0]
		if r.Err != nil {
			return h, r.Err
		}
		built[p.dir] = r.Binary
	}
	for _, p := range places {
		s, err := startHosted(ctx, built[p.dir], p.name)
		if err != nil {
			return h, err
		}
		*p.into, s.request, s.status = s, p.request, p.answer
	}
	return h, nil
}

// hosted is a server, and what was measured of it.
type hosted struct {
	cmd     *exec.Cmd
	addr    string
	name    string
	request []byte
	status  int
	// rates in answers a second and costs in processor time for one, of each
	// turn.
	rates []float64
	costs []time.Duration
	// lost requests were never answered.
	lost int64
}

// token is the functions': the host asks for it, the others let it pass.
const token = "c0ffee"

// startHosted starts a server on a port of its own, with one processor, and in
// the environment of an engine.
func startHosted(ctx context.Context, bin, target string) (*hosted, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	s := &hosted{cmd: exec.Command(bin), addr: addr, name: filepath.Base(bin) + " " + target}
	s.cmd.Env = []string{
		"PORT=" + port, "LISTEN_ADDRESS=" + addr, "FUNCTION_TARGET=" + target, "GOMAXPROCS=1",
		"K_SINK=http://127.0.0.1:1/sink/" + token, "WEFT_TIMEOUT=30s",
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	giveUp := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return s, conn.Close()
		}
		if time.Now().After(giveUp) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%s does not listen on %s: %w", s.name, addr, err), s.stop())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *hosted) stop() error {
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended
	late := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	_ = s.cmd.Wait() // an interrupt is no way to end well for all of them
	return nil
}

// turn has the server called for d.
func (s *hosted) turn(ctx context.Context, d time.Duration) error {
	before := threads(s.cmd.Process.Pid)
	o, err := closedLoop(ctx, s.addr, s.request, s.status, connections, d)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	after := threads(s.cmd.Process.Pid)
	s.rates = append(s.rates, float64(o.answers)/d.Seconds())
	s.costs = append(s.costs, (after-before)/time.Duration(max(o.answers, 1)))
	s.lost += o.lost
	return nil
}

// threads is the processor time of a process in nanoseconds, which its ticks of
// 10 ms are too coarse for: that of all its threads (schedstat; Linux only, zero
// elsewhere). The threads of a Go program that serves do not end.
func threads(pid int) (used time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is a good one
	for _, file := range files {
		var ns int64
		if b, err := os.ReadFile(file); err == nil {
			if _, err := fmt.Sscan(string(b), &ns); err == nil {
				used += time.Duration(ns)
			}
		}
	}
	return used
}

func (s *hosted) rate() float64 { return round(median(s.rates), 0) }

// cost is in microseconds; 0 where it is not measured.
func (s *hosted) cost() float64 {
	return round(float64(median(s.costs))/float64(time.Microsecond), 1)
}

// ratio is the median of the rounds': what disturbs a round disturbs both.
func ratio(a, b *hosted) float64 {
	var all []float64
	for i := range a.rates {
		all = append(all, a.rates[i]/b.rates[i])
	}
	return round(median(all), 3)
}

func median[T int64 | float64 | time.Duration](xs []T) T {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(xs))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}
