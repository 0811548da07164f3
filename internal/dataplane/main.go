package dataplane

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/pages"
	"github.com/weftmesh/weft/internal/version"
)

const usage = `usage: weft-dataplane front|dispatcher [flags]

front       serves the gateway and the sink of a mesh, and dispatches its events
dispatcher  dispatches events: those of all functions, or with --function those
            of one function in the same pod

Flags:
`

// defaultLinger is how long proxies of a cluster usually take to learn that a
// pod is going.
const defaultLinger = 5 * time.Second

// Main is the program: exit code 0 when it was asked to end, 1 when it failed,
// 2 for wrong usage. args[0] is the program's name.
func Main(ctx context.Context, args []string, stderr io.Writer) int {
	opts, level, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "weft-dataplane:", err)
		return 2
	}
	opts.Logger = slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	opts.OnReady = func(Addresses) {
		debug.FreeOSMemory()
		if err := pages.Release(); err != nil { // it is only memory
			opts.Logger.Debug("pages of the program stay in memory", "error", err.Error())
		}
	}
	if err := Run(ctx, opts); err != nil {
		opts.Logger.Error("the " + string(opts.Role) + " ended: " + err.Error())
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (opts Options, level slog.Level, err error) {
	fs := flag.NewFlagSet("weft-dataplane", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&opts.Mesh, "mesh", DefaultMesh, "directory with mesh.yaml")
	fs.StringVar(&opts.Tokens, "tokens", DefaultTokens, "directory with a file for each function's token")
	fs.StringVar(&opts.Secrets, "secrets", DefaultSecrets, "directory with secrets that components refer to, as NAME/KEY")
	fs.StringVar(&opts.HTTP, "http", DefaultHTTP, "address of the gateway (front)")
	fs.StringVar(&opts.Sink, "sink", DefaultSink, "address of the sink (front)")
	fs.StringVar(&opts.Metrics, "metrics", DefaultMetrics, "address of metrics and health")
	fs.StringVar(&opts.Admin, "admin", DefaultAdmin, "address of the admin API (front); only of the pod itself, as it asks for no token")
	fs.StringVar(&opts.Scaler, "scaler", DefaultScaler, "address at which KEDA asks what waits (front)")
	fs.StringVar(&opts.Function, "function", "", "the one function whose queue to take (dispatcher)")
	fs.StringVar(&opts.Local, "local", "", "where that function is, such as http://127.0.0.1:8080")
	fs.StringVar(&opts.Keeper, "keeper", "", "the component of type pubsub.jetstream that keeps what a broker of another type does not")
	fs.StringVar(&opts.Domain, "domain", "cluster.local", "the cluster's DNS domain")
	fs.DurationVar(&opts.Linger, "linger", defaultLinger, "how long a front goes on serving after it was asked to stop")
	fs.DurationVar(&opts.Drain, "drain", defaultDrain, "how long calls under way may take after that")
	if len(args) < 2 {
		fs.Usage()
		return opts, level, errors.New("say what to be: front or dispatcher")
	}
	switch args[1] {
	case "-h", "--help", "help":
		fs.Usage()
		return opts, level, flag.ErrHelp
	case "version":
		fmt.Fprintln(stderr, "weft-dataplane", version.Get())
		return opts, level, flag.ErrHelp
	}
	opts.Role = Role(args[1])
	if err := fs.Parse(args[2:]); err != nil {
		return opts, level, err
	}
	if rest := fs.Args(); len(rest) > 0 {
		return opts, level, fmt.Errorf("%q is no flag", rest[0])
	}
	if text := os.Getenv(contract.EnvLogLevel); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			return opts, level, fmt.Errorf("%s: %w", contract.EnvLogLevel, err)
		}
	}
	opts, err = opts.withDefaults()
	return opts, level, err
}
