package local

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens a listener for a flag; its error names flag, address and the
// way out.
func listen(flag, address string) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("--%s %s: an address is host:port, such as 127.0.0.1:8080", flag, address)
	}
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--%s %s: the port is in use, perhaps by another weft up; stop that, or choose another with --%s 127.0.0.1:0",
			flag, address, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--%s %s: this user may not listen there; choose a port above 1023", flag, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("--%s %s: this machine has no such address", flag, address)
	default:
		return nil, fmt.Errorf("--%s %s: %w", flag, address, err)
	}
}

// isLoopback says whether a listener can be reached from this machine alone.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// address is how a client on this machine reaches a listener.
func address(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "http://" + a.String()
	}
	if tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + tcp.String()
}
