package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/builder/image"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/internal/local"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// deploy is one run of weft deploy.
type deploy struct {
	engine          engineFlags
	to              string
	platforms       []string
	build           imageBuild
	images          string
	noBuild, dryRun bool
	noWait, force   bool
	timeout         time.Duration

	on *cluster.Cluster
}

func (a *app) deployCmd() *cobra.Command {
	d := &deploy{}
	d.engine.remote.use = true
	c := &cobra.Command{
		Use:   "deploy",
		Short: "Put a mesh on a Kubernetes cluster.",
		Long: `Put a mesh on a Kubernetes cluster that has Weft's controller: check with the
cluster that it takes the mesh, build the functions that have code and push
their images as weft build does, apply the documents of the mesh file and of
resources/ with the images pinned by digest, and wait until all is ready.
Documents in local/ do not count.

What the cluster or a registry refuses changes nothing on the cluster.`,
		Example: `weft deploy
weft deploy --to registry.example/shop -n shop
weft deploy --no-build --set spec.functions.notifyUser.image=registry/n:v2
weft deploy --dry-run`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if d.build.target, err = image.ParseTarget(d.to); err != nil {
				return badUsage(c, "--to: %w", err)
			}
			if d.build.target.Files() {
				return badUsage(c, "--to is %q: a cluster takes images from a registry", d.to)
			}
			if d.build.platforms, err = image.ParsePlatforms(d.platforms...); err != nil {
				return badUsage(c, "--platform: %w", err)
			}
			if d.build.created, err = image.Epoch(); err != nil {
				return badUsage(c, "%w", err)
			}
			if d.timeout <= 0 {
				return badUsage(c, "--timeout is %s: must be more than 0", d.timeout)
			}
			if d.images != "" {
				for _, flag := range []string{"to", "platform", "base"} {
					if c.Flags().Changed(flag) {
						return badUsage(c, "--%s is for building, and --images for images that are there", flag)
					}
				}
				d.noBuild = true
			}
			if err := d.engine.mesh.exists(); err != nil {
				return err
			}
			if err := a.pin(&d.engine.mesh, d.images); err != nil {
				return err
			}
			return a.deploy(c.Context(), d)
		},
	}
	d.engine.mesh.add(c)
	d.engine.addData(c)
	d.engine.remote.addWhich(c)
	f := c.Flags()
	f.StringVar(&d.to, "to", "", "`REGISTRY` to push images to (default where each function's image says)")
	f.StringArrayVar(&d.platforms, "platform", platformNames(), "`OS/ARCH` to build for (repeatable)")
	f.StringVar(&d.build.base, "base", image.Scratch, "`IMAGE` that the programs are added to")
	f.BoolVar(&d.build.insecure, "insecure", false, "let registries be spoken to in plain HTTP")
	f.BoolVar(&d.noBuild, "no-build", false, "build nothing: the functions' images are there")
	f.StringVar(&d.images, "images", "", "`FILE` with what weft build -o json printed: build nothing, and run those images; - for stdin")
	f.BoolVar(&d.force, "force-conflicts", false, "take over fields that others have set to something else")
	f.BoolVar(&d.dryRun, "dry-run", false, "only have the cluster check the mesh: build and change nothing")
	f.DurationVar(&d.timeout, "timeout", 5*time.Minute, "`TIME` to wait for the mesh to be ready")
	f.BoolVar(&d.noWait, "no-wait", false, "do not wait for the mesh to be ready")
	alsoEnv(c, "to", "platform", "base", "insecure")
	complete(c, "platform", platformNames()...)
	return c
}

func (a *app) deploy(ctx context.Context, d *deploy) error {
	bundle, err := a.loadForCluster(d.engine.mesh)
	if err != nil {
		return err
	}
	if d.build.root, d.build.data, err = places(&d.engine, bundle.Dir); err != nil {
		return err
	}
	if err := d.choose(bundle.Plan); err != nil {
		return err
	}
	if d.on, err = d.engine.remote.open(bundle.Mesh.Namespace); err != nil {
		return err
	}
	// Nothing is built for a cluster that would not take the mesh.
	if bundle, err = a.applyAll(ctx, d, true); err != nil || d.dryRun {
		return err
	}
	if len(d.build.functions) > 0 {
		d.build.plan = bundle.Plan
		images, err := a.telling(ctx, &d.build, d.build.run)
		if err != nil {
			return err
		}
		for _, built := range images {
			d.engine.mesh.set = append(d.engine.mesh.set, pinned(built))
		}
	}
	if bundle, err = a.applyAll(ctx, d, false); err != nil {
		return err
	}
	if d.noWait {
		fmt.Fprintf(a.Out, "applied %s; see how it comes along: weft get%s\n", bundle.Mesh.Name, d.engine.again())
		return nil
	}
	return a.await(ctx, d, bundle)
}

// choose notes the functions that have code to build, and has the mesh say
// where their images go. One without code runs the image that it names.
func (d *deploy) choose(plan *mesh.Plan) error {
	var wrong []error
	for _, f := range plan.Functions {
		_, missing := replica.Locate(d.build.root, f)
		// A command or a URL is for one machine.
		code := missing == nil && len(f.Spec.Command) == 0 && f.Spec.URL == ""
		if code && !d.noBuild {
			d.build.functions = append(d.build.functions, f)
		}
		switch own := d.build.target == (image.Target{}); {
		case f.Spec.Image != "":
		case code && own:
			wrong = append(wrong, fmt.Errorf("function %s has no image, so it is not known where it is; set it to REGISTRY/NAME:TAG, or say --to", f.Name))
		case code:
			_, tag := image.SplitRef("")
			d.engine.mesh.set = append(d.engine.mesh.set, fmt.Sprintf("spec.functions.%s.image=%s", f.Name, d.build.target.Ref(imageName(f), tag)))
		default:
			wrong = append(wrong, fmt.Errorf("function %s has no image, and nothing to make one of; set it to REGISTRY/NAME:TAG", f.Name))
		}
	}
	return errors.Join(wrong...)
}

// objects of the mesh's files, in the namespace that the mesh is put in.
func (d *deploy) objects(bundle *source.Bundle) ([]clusterObject, error) {
	var objects []clusterObject
	for _, o := range bundle.Objects() {
		u := &unstructured.Unstructured{Object: o.Content}
		if in := u.GetNamespace(); in != "" && in != d.on.Namespace() {
			return nil, withHint(fmt.Errorf("%s: %s %s is of the namespace %s, and the mesh goes to %s", o.At, u.GetKind(), u.GetName(), in, d.on.Namespace()),
				"a mesh and what it uses are in one namespace: leave metadata.namespace out, or name that one with -n")
		}
		objects = append(objects, clusterObject{u, o.At})
	}
	return objects, nil
}

// clusterObject is a document on its way to the cluster.
type clusterObject struct {
	*unstructured.Unstructured
	at string
}

// applyAll brings the documents to the cluster, or has it check them, and tells
// what that changes.
func (a *app) applyAll(ctx context.Context, d *deploy, dryRun bool) (*source.Bundle, error) {
	bundle, err := a.loadForCluster(d.engine.mesh)
	if err != nil {
		return nil, err
	}
	if err := a.cannotRun(bundle); err != nil {
		return nil, err
	}
	objects, err := d.objects(bundle)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		change, err := d.on.Apply(ctx, o.Unstructured, cluster.ApplyOptions{DryRun: dryRun, Force: d.force})
		if err != nil {
			return nil, a.refused(bundle, o, err)
		}
		switch {
		case !dryRun:
			fmt.Fprintf(a.Err, "%s %s %s\n", o.GetKind(), o.GetName(), change)
		case d.dryRun && change == cluster.Unchanged:
			fmt.Fprintf(a.Out, "%s %s is as it should be\n", o.GetKind(), o.GetName())
		case d.dryRun:
			fmt.Fprintf(a.Out, "%s %s would be %s\n", o.GetKind(), o.GetName(), change)
		}
	}
	return bundle, nil
}

// refused gives what the API server says of a mesh its places in the file.
func (a *app) refused(bundle *source.Bundle, o clusterObject, err error) error {
	var conflict *cluster.ConflictError
	if errors.As(err, &conflict) {
		return withHint(fmt.Errorf("%s: %w", o.at, err), "take these over with --force-conflicts, or have the file say the same")
	}
	var invalid *cluster.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Faults) == 0 || o.GetKind() != v1beta1.Kind {
		return fmt.Errorf("%s: %w", o.at, err)
	}
	var problems mesh.Problems
	for _, f := range invalid.Faults {
		problems = append(problems, mesh.Problem{Path: f.Field, Message: "the cluster does not take it: " + f.Message})
	}
	a.printProblems(bundle.Place(problems))
	return errReported
}

// cannotRun tells what keeps the mesh from running on any cluster.
func (a *app) cannotRun(bundle *source.Bundle) error {
	installed := clusterFlags{dataplane: dataplaneImage, nats: clusterNATS}
	state := desired.Of(bundle.Plan, installed.settings(), desired.Found{})
	problems := bundle.Place(noteProblems(state.Notes)).Errors()
	if len(problems) == 0 {
		return nil
	}
	a.printProblems(problems)
	return errReported
}

// await waits until the mesh is ready, telling how it comes along, and says
// where its front is.
func (a *app) await(ctx context.Context, d *deploy, bundle *source.Bundle) error {
	name := bundle.Mesh.Name
	var names []string
	for _, f := range bundle.Plan.Functions {
		names = append(names, f.Name)
	}
	shown := newProgress(a.Err, names...)
	waiting, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	_, err := d.on.Wait(waiting, name, func(function, text string) { shown.set(cmp.Or(function, name), text) })
	var missing *cluster.NotReadyError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &missing):
		for _, f := range missing.Functions {
			fmt.Fprintf(a.Err, "%s is not ready: %s\n", f.Function, multiLine(f.Reason))
		}
		if len(missing.Functions) == 0 {
			a.frontSays(ctx, d, name)
		}
		text := err
		if errors.Is(waiting.Err(), context.DeadlineExceeded) {
			text = fmt.Errorf("after %s, %w", d.timeout, err)
		}
		return withHint(text, "it goes on by itself: weft get%s; weft logs%[1]s says more", d.engine.again())
	case err != nil:
		return err
	}
	a.deployed(d, bundle)
	return nil
}

// mostComplaints of front and dispatchers are told with a failed deployment.
const mostComplaints = 3

// frontSays prints the latest complaints of front and dispatchers, each once: of
// a mesh whose functions are ready, they are why the mesh is not.
func (a *app) frontSays(ctx context.Context, d *deploy, name string) {
	ctx, cancel := context.WithTimeout(ctx, frontWithin)
	defer cancel()
	wanted := telemetry.LogQuery{Function: telemetry.EngineLines, Level: "warn"}
	latest := make(map[string]adminapi.LogEntry) // by what they say
	// It is no fault of the deployment if these cannot be read.
	_ = d.on.Logs(ctx, cluster.LogQuery{Mesh: name, Most: 100}, func(l cluster.LogLine) {
		e, ok := wanted.Match(telemetry.Line{Time: l.Time, Function: l.Function, Text: l.Text})
		if ok && !e.Time.Before(latest[e.Message].Time) {
			latest[e.Message] = e
		}
	})
	complaints := slices.SortedFunc(maps.Values(latest), func(x, y adminapi.LogEntry) int { return x.Time.Compare(y.Time) })
	for _, e := range complaints[max(0, len(complaints)-mostComplaints):] {
		fmt.Fprintf(a.Err, "the front says: %s%s\n", multiLine(e.Message), logFields(e))
	}
}

// deployed says where the mesh is, and what to try.
func (a *app) deployed(d *deploy, bundle *source.Bundle) {
	const base = "http://127.0.0.1:8080"
	name, namespace := bundle.Mesh.Name, d.on.Namespace()
	front := desired.FrontName(name)
	ready := "ready"
	if colour(a.Out) {
		ready = paint(32, ready)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s\n", ready, name)
	fmt.Fprintf(&b, "  front  http://%s.%s.svc.cluster.local\n", front, namespace)
	for _, hint := range local.Hints(bundle.Plan, base) {
		if call, ok := strings.CutPrefix(hint, "weft invoke "); ok {
			fmt.Fprintf(&b, "  try    weft invoke%s %s\n", d.engine.again(), call)
			continue
		}
		fmt.Fprintf(&b, "  try    %s port-forward service/%s 8080:80\n         %s\n", d.engine.remote.kubectl(namespace), front, hint)
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(a.Out, b.String()) // whoever reads it has gone
}

// pinned is the override that has a function run an image by its digest.
func pinned(b builtImage) string {
	repository, _ := image.SplitRef(b.Image)
	return fmt.Sprintf("spec.functions.%s.image=%s@%s", b.Name, repository, b.Digest)
}
