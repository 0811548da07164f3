package controller

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/version"
)

// brokerName is what the default broker is called in the meshes that name none.
const brokerName = "weft-broker"

// garbage is how much of what lives may be garbage, in percent: most of a
// controller's is from what it reads when it starts, and would be its memory for
// good. GOGC overrules it.
const garbage = 30

// Main is the program weft-controller: exit code 0 when it was asked to end, 1
// when it failed, 2 for wrong usage. args[0] is the program's name.
func Main(ctx context.Context, args []string, stderr io.Writer) int {
	o, level, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "weft-controller:", err)
		return 2
	}
	o.Logger = slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	log.SetLogger(logr.FromSlogHandler(o.Logger.Handler()))
	klog.SetSlogLogger(o.Logger) // of the libraries that elect a leader and watch
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if err := start(ctx, o); err != nil {
		o.Logger.Error("the controller ended: " + err.Error())
		return 1
	}
	return 0
}

func start(ctx context.Context, o Options) error {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("the cluster: %w", err)
	}
	mgr, err := New(cfg, o)
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func parse(args []string, stderr io.Writer) (o Options, level slog.Level, err error) {
	fs := flag.NewFlagSet("weft-controller", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var nats string
	fs.StringVar(&o.Settings.Dataplane, "dataplane", "", "image of front and dispatchers (required)")
	fs.StringVar(&nats, "nats", "", "NATS server, as nats://HOST:PORT, that carries the links of meshes without spec.broker")
	fs.StringVar(&o.Settings.OTLPEndpoint, "otlp-endpoint", "", "OpenTelemetry endpoint that functions and data plane are told")
	fs.Func("ingress-namespaces", "namespaces, with commas between, of Knative's ingress, which functions admit (default those of Contour, Envoy Gateway, Istio and Kourier)", func(text string) error {
		o.Settings.Ingress = strings.Split(text, ",")
		for _, name := range o.Settings.Ingress {
			if len(validation.IsDNS1123Label(name)) > 0 {
				return fmt.Errorf("%q is no namespace", name)
			}
		}
		return nil
	})
	fs.BoolVar(&o.Settings.Polls, "keda-polls", false, "let KEDA poll the brokers, where it cannot reach the fronts of meshes")
	fs.StringVar(&o.Settings.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace that the controller runs in")
	fs.StringVar(&o.Metrics, "metrics", ":9090", "address of metrics: its own, and those of all fronts and dispatchers")
	fs.StringVar(&o.Health, "health", ":8081", "address of /healthz and /readyz")
	fs.BoolVar(&o.LeaderElection, "leader-elect", false, "let one of several replicas do the work")
	fs.IntVar(&o.Concurrent, "concurrent", 4, "meshes that are reconciled at once")
	show := fs.Bool("version", false, "print the version")
	if err := fs.Parse(args[1:]); err != nil {
		return o, level, err
	}
	if *show {
		fmt.Fprintln(stderr, "weft-controller", version.Get())
		return o, level, flag.ErrHelp
	}
	if rest := fs.Args(); len(rest) > 0 {
		return o, level, fmt.Errorf("%q is no flag", rest[0])
	}
	if o.Settings.Dataplane == "" {
		return o, level, errors.New("--dataplane is missing: the image of cmd/weft-dataplane")
	}
	if strings.Contains(nats, "@") {
		return o, level, errors.New("--nats holds a user or a token: everybody who may read the ConfigMap of a mesh would see it; name the server without, " +
			"or give each mesh a pubsub.jetstream component with natsURL by secretKeyRef, and name that in spec.broker")
	}
	if nats != "" {
		o.Settings.Broker = v1beta1.Component{Name: brokerName, Type: "pubsub.jetstream", Version: v1beta1.DefaultComponentVersion,
			Metadata: []v1beta1.ComponentMetadata{{Name: "natsURL", Value: nats}}}
	}
	if text := os.Getenv(contract.EnvLogLevel); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			return o, level, fmt.Errorf("%s: %w", contract.EnvLogLevel, err)
		}
	}
	return o, level, nil
}
