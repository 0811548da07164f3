package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

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
	c.Flags().BoolVar(&o.use, "cluster", false, "look at the mesh on a Kubernetes cluster")
	c.Flags().StringVar(&o.mesh, "mesh", "", "`NAME` of the mesh on the cluster (default that of the mesh file)")
	names := append(o.addWhich(c), "mesh")
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
	return []string{"kubeconfig", "context", "namespace"}
}

// open connects to the cluster. The namespace is that of the flag, else the
// mesh's, else the context's.
func (o *onCluster) open(namespace string) (*cluster.Cluster, error) {
	options := o.options
	options.Namespace = cmp.Or(options.Namespace, namespace)
	return cluster.Open(options)
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

// callFront hands do a client of the mesh's front, through a port that
// Kubernetes forwards.
func (f *engineFlags) callFront(ctx context.Context, do func(*adminapi.Client) error) (err error) {
	on, name, err := f.meshOnCluster()
	if err != nil {
		return err
	}
	forward, err := on.Front(ctx, name, portAdmin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forward.Close()) }()
	return do(adminapi.NewClient(adminapi.Run{PID: os.Getpid(), Mesh: name, Admin: "http://" + forward.Address}, ""))
}
