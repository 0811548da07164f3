package local

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
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

// closeListener closes one that its server may have closed already.
func closeListener(l net.Listener) error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// maxSocketPath is what the shortest of the systems' addresses holds.
const maxSocketPath = 103

// listenSocket opens a socket at a path that only this process uses. There may
// be none, where the path is too long or the file system has no sockets: it is
// a shorter way to what is served at a port as well.
func listenSocket(path string, log *slog.Logger) net.Listener {
	if len(path) > maxSocketPath {
		return nil
	}
	// That of an engine that was killed.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Debug("no socket for the Dapr API", "error", err.Error())
		return nil
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		if err = os.Chmod(path, 0o600); err == nil {
			return l
		}
		err = errors.Join(err, l.Close())
	}
	log.Debug("no socket for the Dapr API", "error", err.Error())
	return nil
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
