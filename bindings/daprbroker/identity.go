package daprbroker

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftmesh/weft/mesh/delivery"
)

// keyEngine is the key of Local's shared state under which the engine's id is.
const keyEngine = "daprbroker.engine"

// engineID is made of where the engine is at its first start, and stays when that
// changes: a server may keep messages for who was connected by a name. Where the
// state is lost, the same place makes the same id.
func engineID(ctx context.Context, s delivery.Shared, dir string) (string, error) {
	fresh := idOf(dir)
	if s == nil {
		return fresh, nil
	}
	for {
		v, rev, err := s.Get(ctx, keyEngine)
		if err != nil || len(v) > 0 {
			return string(v), err
		}
		if ok, err := s.Put(ctx, keyEngine, []byte(fresh), rev); ok || err != nil {
			return fresh, err
		}
	}
}

// idOf is the id of the engine in a directory of this machine, drawn if there is
// none.
func idOf(dir string) string {
	if dir == "" {
		return strings.ToLower(rand.Text()[:idLength])
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	// Containers of one image may have the same machine-id and the same
	// directory: they differ in their name.
	h := sha256.New()
	host, _ := os.Hostname() // there is the machine-id, or nothing better
	for _, part := range []string{machineID(), host, dir} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:idLength])
}

// idLength is enough for the engines of a mesh not to meet: 50 bits.
const idLength = 10

// machineID is the installation's id where there is one, as on Linux (machine-id
// of systemd and D-Bus).
func machineID() string {
	for _, file := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if id, err := os.ReadFile(file); err == nil && len(bytes.TrimSpace(id)) > 0 {
			return string(bytes.TrimSpace(id))
		}
	}
	return ""
}
