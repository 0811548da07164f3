package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/dapr/components-contrib/metadata"

	"github.com/weftmesh/weft/api/v1beta1"
)

// initTimeout is how long a component may take to open if it does not say
// (daprd's pkg/runtime/processor).
const initTimeout = 5 * time.Second

// Pauses between attempts to open a component.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// starter opens instances of one component.
type starter struct {
	driver    *driver
	component v1beta1.Component
	host      host
	clean     redactor
	log       *slog.Logger
}

// start opens an instance within the component's initTimeout. What a server
// that is not there, or not yet ready, is to blame for is tried again until
// then.
func (s *starter) start(ctx context.Context, props map[string]string) (part, error) {
	limit := initTimeout
	if t := s.component.InitTimeout; t != nil && t.Duration > 0 {
		limit = t.Duration
	}
	var servers []address
	if s.driver.server != nil {
		var err error
		if servers, err = s.driver.server(props); err != nil {
			return part{}, err
		}
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var before error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		p, err := s.try(within, servers, props)
		if err == nil {
			return p, nil
		}
		// An attempt that was cut short knows less than the one before.
		if before != nil && within.Err() != nil {
			err = before
		}
		before = err
		if within.Err() == nil && again(err) {
			select {
			case <-within.Done():
			case <-time.After(pause):
				continue
			}
		}
		if ctx.Err() != nil {
			return part{}, ctx.Err()
		}
		return part{}, s.explain(err, servers, limit, within.Err() != nil)
	}
}

func (s *starter) try(ctx context.Context, servers []address, props map[string]string) (part, error) {
	if err := reach(ctx, servers); err != nil {
		return part{}, err
	}
	if s.driver.greet != nil {
		if err := s.driver.greet(ctx, props); err != nil {
			return part{}, err
		}
	}
	p := s.driver.new(s.host)
	// Some change the map that they are given.
	base := metadata.Base{Name: s.component.Name, Properties: maps.Clone(props)}
	done := make(chan error, 1)
	go func() {
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
			}()
			return p.init(ctx, base)
		}()
		if err != nil {
			// What it had opened until then.
			_ = p.close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return p, err
	case <-ctx.Done():
	}
	// Some do not look at their context: whatever comes of it is closed.
	go func() {
		if err := <-done; err == nil {
			if err := p.close(); err != nil {
				s.log.Warn("a component that opened too late did not close", "component", s.component.Name, "error", s.clean.err(err))
			}
		}
	}()
	return part{}, ctx.Err()
}

// explain says what was tried, for how long, and what to do.
func (s *starter) explain(err error, servers []address, limit time.Duration, timedOut bool) error {
	where := ""
	if len(servers) > 0 {
		names := make([]string, len(servers))
		for i, a := range servers {
			names[i] = a.String()
		}
		where = " at " + strings.Join(names, ", ")
	}
	err = s.clean.err(err)
	switch {
	case refusedLogin(err):
		return fmt.Errorf("the server%s refuses the user name or password: %w; correct them in its metadata", where, err)
	case timedOut && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it did not open%s within initTimeout, %s; is the server up and its address right? ignoreErrors: true lets the mesh run without it", where, limit)
	case timedOut:
		return fmt.Errorf("tried%s for %s: %w; start the server or correct its address, or let the mesh run without it with ignoreErrors: true", where, limit, err)
	}
	return fmt.Errorf("it does not open%s: %w", where, err)
}

// reach connects to the servers until one answers.
func reach(ctx context.Context, servers []address) error {
	var errs []error
	for _, a := range servers {
		var d net.Dialer
		conn, err := d.DialContext(ctx, a.network, a.addr)
		if err == nil {
			return conn.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// again says whether an attempt may fare better later.
func again(err error) bool {
	var (
		network *net.OpError
		name    *net.DNSError
	)
	if errors.As(err, &network) || errors.As(err, &name) {
		return true
	}
	return mentions(err, "connection refused", "connection reset", "broken pipe", "EOF", "timeout", "timed out",
		"no such host", "network is unreachable", "starting up", "shutting down", "LOADING", "no servers available",
		"run out of available brokers", "too many clients", "network Error")
}

// refusedLogin recognises what servers say to a wrong user name or password:
// Redis (WRONGPASS, NOAUTH), PostgreSQL (28P01, 28000), RabbitMQ (403
// ACCESS_REFUSED), NATS, MQTT (return codes 4 and 5), SASL of Kafka.
func refusedLogin(err error) bool {
	return mentions(err, "WRONGPASS", "NOAUTH", "invalid username-password pair", "28P01", "28000", "password authentication failed",
		"ACCESS_REFUSED", "username or password not allowed", "Authorization Violation", "bad user name or password",
		"not Authorized", "SASL Authentication failed", "AUTH called without any password", "invalid password")
}

func mentions(err error, phrases ...string) bool {
	text := strings.ToLower(err.Error())
	for _, p := range phrases {
		if strings.Contains(text, strings.ToLower(p)) {
			return true
		}
	}
	return false
}
