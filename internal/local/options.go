package local

import (
	"io"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

// Options of Run. File is required.
type Options struct {
	// File is the mesh file.
	File string
	// HTTP and Admin are the addresses of the gateway and of the admin API
	// and metrics; 127.0.0.1:8080 and 127.0.0.1:9090 if empty. Port 0 takes a
	// free one.
	HTTP, Admin string
	// Data is the data directory; .weft beside the mesh file if empty.
	Data string
	// Watch rebuilds functions and reloads the mesh when files change.
	Watch bool
	// Idle is how long a function without calls keeps its processes; 30s if
	// zero.
	Idle time.Duration
	// EnvFile has KEY=value lines for every function; what the mesh declares
	// wins.
	EnvFile string
	// Sync is "interval" (files synced each second; the default) or "always".
	Sync string
	// Debug names functions that wait for a debugger.
	Debug []string
	// Set overrides fields of the mesh, path=value.
	Set []string
	// DedupWindow is how long a repeated event is recognised; the broker's
	// default, 30s, if zero.
	DedupWindow time.Duration
	// Out takes the engine's and the functions' lines; os.Stderr if nil.
	Out io.Writer
	// Color colours them.
	Color bool
	// OnReady is called once the mesh takes traffic, with hints for people,
	// such as a curl line that works.
	OnReady func(run adminapi.Run, hints []string)
	// Version of weft, for run.json.
	Version string
}

// The defaults of Options.
const (
	DefaultHTTP  = "127.0.0.1:8080"
	DefaultAdmin = "127.0.0.1:9090"
	DefaultData  = ".weft"
	DefaultIdle  = 30 * time.Second
	DefaultSync  = SyncInterval
)

// The values of Options.Sync.
const (
	SyncInterval = "interval"
	SyncAlways   = "always"
)

func (o Options) withDefaults() Options {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.HTTP, DefaultHTTP)
	set(&o.Admin, DefaultAdmin)
	set(&o.Sync, DefaultSync)
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
	return o
}
