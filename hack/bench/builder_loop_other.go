//go:build unix && !linux

package main

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// closedLoop sends the same request on several connections, each time as soon
// as the last answer is there, for d; the answers must all have the status.
// What it does for a request is little, so that the server is the one that has
// no more to give.
func closedLoop(ctx context.Context, addr string, request []byte, status, connections int, d time.Duration) (outcome, error) {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // nothing that counts is under way
		}
	}()
	var dialer net.Dialer
	for range connections {
		c, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			return outcome{}, err
		}
		open = append(open, c)
	}
	var answers, lost atomic.Int64
	callers, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for _, c := range open {
		callers.Go(func() error {
			in := make([]byte, 16<<10)
			if err := c.SetDeadline(begin.Add(d + unanswered)); err != nil {
				return err
			}
			n := int64(0)
			defer func() { answers.Add(n) }()
			for time.Since(begin) < d && ctx.Err() == nil {
				if _, err := c.Write(request); err != nil {
					return err
				}
				for have := 0; ; {
					more, err := c.Read(in[have:])
					if errors.Is(err, os.ErrDeadlineExceeded) {
						lost.Add(1)
						return nil
					}
					if err != nil {
						return err
					}
					have += more
					if whole, err := expect(in[:have], status); err != nil {
						return err
					} else if whole {
						break
					}
				}
				n++
			}
			return ctx.Err()
		})
	}
	err := callers.Wait()
	return outcome{answers.Load(), lost.Load()}, err
}
