package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/local"
	"github.com/weftmesh/weft/internal/version"
)

func (a *app) upCmd() *cobra.Command {
	var (
		engine engineFlags
		opts   local.Options
	)
	c := &cobra.Command{
		Use:   "up",
		Short: "Run a mesh on this machine.",
		Long: `Run a mesh on this machine until Ctrl-C: build its functions, start them when
they are called, keep events in durable queues, and serve its routes.

Every flag can also be given as an environment variable: --env-file as
WEFT_ENV_FILE, --watch as WEFT_WATCH=true.`,
		Example: `weft up
weft up --watch
weft up -f shop/mesh.yaml --http 127.0.0.1:0
weft up --set spec.policies.scaling.minReplicas=0
weft up --debug validateInventory`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf(c, "--sync", opts.Sync, local.SyncInterval, local.SyncAlways); err != nil {
				return err
			}
			if opts.Idle <= 0 {
				return badUsage(c, "--idle is %s: must be more than 0", opts.Idle)
			}
			if err := engine.mesh.exists(); err != nil {
				return err
			}
			// A reader of the log that goes away, as in weft up | head, ends the
			// log and not the mesh. Ignored, the signal would be so in functions
			// as well.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
			opts.File, opts.Set, opts.Data = engine.mesh.path(), engine.mesh.set, engine.dir()
			opts.Out, opts.Color = a.Out, colour(a.Out)
			opts.Version = version.Get().Version
			opts.OnReady = func(run adminapi.Run, hints []string) { a.banner(run, opts, hints) }
			return a.faults(local.Run(c.Context(), opts))
		},
	}
	engine.mesh.add(c)
	engine.addData(c)
	f := c.Flags()
	f.StringVar(&opts.HTTP, "http", local.DefaultHTTP, "`ADDRESS` of the gateway; port 0 takes a free one")
	f.StringVar(&opts.Admin, "admin", local.DefaultAdmin, "`ADDRESS` of metrics and admin API")
	f.BoolVar(&opts.Watch, "watch", false, "rebuild functions and reload the mesh when files change")
	f.DurationVar(&opts.Idle, "idle", local.DefaultIdle, "`TIME` that a function without calls keeps its processes")
	f.StringVar(&opts.EnvFile, "env-file", "", "`FILE` of KEY=value lines for the environment of all functions")
	f.StringVar(&opts.Sync, "sync", local.DefaultSync, "`WHEN` queues reach the disk: interval, each second, or always, for power cuts")
	f.StringArrayVar(&opts.Debug, "debug", nil, "`FUNCTION` that waits for a debugger and has no timeouts (repeatable)")
	alsoEnv(c, "http", "admin", "watch", "idle", "env-file", "sync", "debug")
	complete(c, "sync", local.SyncInterval, local.SyncAlways)
	return c
}

// synced says when queues reach the disk.
func synced(mode string) string {
	if mode == local.SyncAlways {
		return "synced always"
	}
	return "synced each second"
}

// banner says that the mesh takes traffic, where, and what to try.
func (a *app) banner(run adminapi.Run, opts local.Options, hints []string) {
	ready := "ready"
	if opts.Color {
		ready = paint(32, ready)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s\n", ready, run.Mesh)
	fmt.Fprintf(&b, "  http   %s\n", run.HTTP)
	fmt.Fprintf(&b, "  admin  %s (metrics at /metrics)\n", run.Admin)
	fmt.Fprintf(&b, "  data   %s (queues %s)\n", readable(opts.Data), synced(opts.Sync))
	for _, h := range hints {
		fmt.Fprintf(&b, "  try    %s\n", strings.ReplaceAll(h, "\n", "\n         "))
	}
	b.WriteByte('\n')
	// One write, so that log lines do not end up within.
	_, _ = io.WriteString(a.Out, b.String())
}
