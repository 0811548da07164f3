package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/mesh/source"
)

// portAdmin is where a front serves its admin API, within its pod.
const portAdmin = 9091

// onCluster are the flags of commands that can look at a cluster instead of
// the engine on this machine.
type onCluster struct {
	use     bool
	options cluster.Options
	// mesh is the name of one without a file.
	mesh string
}

// add adds the flags, and refuses command lines that mix up the two.
func (o *onCluster) add(c *cobra.Command) {
	c.Flags().StringVar(&o.mesh, "mesh", "", "`NAME` of the mesh on the cluster (default that of the mesh file)")
	o.completeFlag(c, "mesh", func(ctx context.Context, on *cluster.Cluster) ([]string, error) {
		meshes, err := on.Meshes(ctx)
		var names []string
		for _, fm := range meshes {
			names = append(names, fm.Name)
		}
		return names, err
	})
	o.addUse(c, "look at the mesh on a Kubernetes cluster", "mesh")
}

// addUse adds the flag that has a command look at a cluster, and those that say
// which; they and others go with it alone.
func (o *onCluster) addUse(c *cobra.Command, usage string, others ...string) {
	c.Flags().BoolVar(&o.use, "cluster", false, usage)
	names := append(o.addWhich(c), others...)
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if before != nil {
			if err := before(c, args); err != nil {
				return err
			}
		}
		if o.use {
			if f := c.Flags().Lookup("data"); f != nil && f.Changed {
				return badUsage(c, "--data is the directory of an engine on this machine: it does not go with --cluster")
			}
			return nil
		}
		for _, name := range names {
			if c.Flags().Changed(name) {
				return badUsage(c, "--%s goes with --cluster", name)
			}
		}
		return nil
	}
}

// addWhich adds the flags that say which cluster, and returns their names.
func (o *onCluster) addWhich(c *cobra.Command) []string {
	c.Flags().StringVar(&o.options.Kubeconfig, "kubeconfig", "", "`FILE` with the cluster's address (default $KUBECONFIG, else ~/.kube/config)")
	c.Flags().StringVar(&o.options.Context, "context", "", "`NAME` of the kubeconfig's context (default the current one)")
	c.Flags().StringVarP(&o.options.Namespace, "namespace", "n", "", "`NAMESPACE` of the mesh (default the file's, else the context's)")
	o.completeFlag(c, "namespace", func(ctx context.Context, on *cluster.Cluster) ([]string, error) { return on.Namespaces(ctx) })
	err := c.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names, _ := cluster.Contexts(o.options) // a shell shows nothing rather than an error
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is defined a few lines above
	}
	return []string{"kubeconfig", "context", "namespace"}
}

// completeFlag completes a flag with what the cluster says, if it says it soon.
func (o *onCluster) completeFlag(c *cobra.Command, flag string, names func(context.Context, *cluster.Cluster) ([]string, error)) {
	err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmp.Or(c.Context(), context.Background()), completeOnCluster)
		defer cancel()
		on, err := o.open("")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, _ := names(ctx, on)
		return found, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is not defined, or twice: a mistake in this package
	}
}

// open connects to the cluster. The namespace is that of the flag, else the
// mesh's, else the context's.
func (o *onCluster) open(namespace string) (*cluster.Cluster, error) {
	options := o.options
	options.Namespace = cmp.Or(options.Namespace, namespace)
	return cluster.Open(options)
}

// flags that say which cluster, as they were given.
func (o *onCluster) flags() string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"--kubeconfig", o.options.Kubeconfig}, {"--context", o.options.Context}, {"-n", o.options.Namespace},
	} {
		if f.value != "" {
			b.WriteString(" " + f.name + " " + quoted(f.value))
		}
	}
	return b.String()
}

// again are the flags with which another command looks at the same mesh on the
// cluster; "" if it is one on this machine.
func (f *engineFlags) again() string {
	if !f.remote.use {
		return ""
	}
	flags := " --cluster" + f.remote.flags()
	switch {
	case f.remote.mesh != "":
		flags += " --mesh " + quoted(f.remote.mesh)
	case f.mesh.file != "":
		flags += " -f " + quoted(f.mesh.file)
	}
	return flags
}

// kubectl is the beginning of a command of kubectl for the same cluster.
func (o *onCluster) kubectl(namespace string) string {
	command := "kubectl"
	if o.options.Kubeconfig != "" {
		command += " --kubeconfig " + quoted(o.options.Kubeconfig)
	}
	if o.options.Context != "" {
		command += " --context " + quoted(o.options.Context)
	}
	return command + " -n " + namespace
}

// addWithCluster adds the flags of commands that can look at either.
func (f *engineFlags) addWithCluster(c *cobra.Command) {
	f.add(c)
	f.remote.add(c)
}

// meshOnCluster connects to the cluster, and names the mesh that is meant.
func (f *engineFlags) meshOnCluster() (*cluster.Cluster, string, error) {
	name, namespace := f.remote.mesh, ""
	if name == "" {
		if err := f.mesh.exists(); err != nil {
			return nil, "", withHint(err, "name the mesh on the cluster with --mesh, or its file with --file")
		}
		bundle, problems := source.Load(f.mesh.path(), source.Options{Cluster: true})
		if bundle.Mesh == nil || bundle.Mesh.Name == "" {
			return nil, "", cmp.Or(problems.Err(), fmt.Errorf("%s does not name a mesh", f.mesh.path()))
		}
		// Faults of the file are of no interest here: the mesh is there as it
		// was deployed.
		name, namespace = bundle.Mesh.Name, bundle.Mesh.Namespace
	}
	on, err := f.remote.open(namespace)
	return on, name, err
}

// callFront hands do a client of the front of the mesh that is meant.
func (f *engineFlags) callFront(ctx context.Context, do func(*adminapi.Client) error) error {
	on, name, err := f.meshOnCluster()
	if err != nil {
		return err
	}
	return withFront(ctx, on, name, do)
}

// withFront hands do a client of a mesh's front, through a port that Kubernetes
// forwards.
func withFront(ctx context.Context, on *cluster.Cluster, mesh string, do func(*adminapi.Client) error) error {
	forward, err := on.Front(ctx, mesh, portAdmin)
	if err != nil {
		return err
	}
	err = do(adminapi.NewClient(adminapi.Run{PID: os.Getpid(), Mesh: mesh, Admin: "http://" + forward.Address}, ""))
	return ended(err, forward)
}

// ended closes what was used. A connection that was lost may be why err came
// about; what went well without it is no failure.
func ended(err error, used io.Closer) error {
	closing := used.Close()
	if err == nil {
		return nil
	}
	return errors.Join(err, closing)
}
