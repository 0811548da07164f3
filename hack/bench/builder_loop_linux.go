package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// closedLoop sends the same request on several connections, each time as soon
// as the last answer is there, for d; the answers must all have the status. It
// is one loop around epoll, so that a request costs it half of what one costs
// net/http, and it is the server that has no more to give.
func closedLoop(ctx context.Context, addr string, request []byte, status, connections int, d time.Duration) (o outcome, err error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return o, err
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return o, fmt.Errorf("epoll: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Close(poll)) }()
	open := make(map[int32]*caller, connections)
	defer func() {
		for _, c := range open {
			_ = syscall.Close(c.fd) // nothing that counts is under way
		}
	}()
	for range connections {
		c, err := dialCaller(to)
		if err != nil {
			return o, err
		}
		open[int32(c.fd)] = c
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}); err != nil {
			return o, fmt.Errorf("epoll: %w", err)
		}
	}
	begin := time.Now()
	for _, c := range open {
		if err := c.send(request); err != nil {
			return o, err
		}
	}
	events := make([]syscall.EpollEvent, connections)
	for waiting := connections; waiting > 0; {
		n, err := syscall.EpollWait(poll, events, int(unanswered.Milliseconds()))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return o, fmt.Errorf("epoll: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return o, err
		}
		elapsed := time.Since(begin)
		if elapsed > d+unanswered {
			o.lost = int64(waiting)
			return o, nil
		}
		for _, e := range events[:max(n, 0)] {
			c := open[e.Fd]
			whole, err := c.receive(status)
			switch {
			case err != nil:
				return o, err
			case !whole:
				continue
			}
			o.answers++
			if elapsed >= d {
				waiting--
			} else if err := c.send(request); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// caller is a connection with at most one request under way.
type caller struct {
	fd   int
	in   []byte
	have int
}

func dialCaller(to netip.AddrPort) (*caller, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	err = errors.Join(
		syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetNonblock(fd, true),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", to, err), syscall.Close(fd))
	}
	return &caller{fd: fd, in: make([]byte, 16<<10)}, nil
}

func (c *caller) send(request []byte) error {
	n, err := syscall.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = fmt.Errorf("only %d of %d bytes could be sent", n, len(request))
	}
	return err
}

// receive reads what has come of an answer, and says whether it is whole.
func (c *caller) receive(status int) (whole bool, err error) {
	n, err := syscall.Read(c.fd, c.in[c.have:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, errors.New("the server has closed the connection")
	}
	c.have += n
	if whole, err = expect(c.in[:c.have], status); whole {
		c.have = 0
	}
	return whole, err
}
