package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/internal/doctor"
)

// leastMinor is the version of Kubernetes, 1.29, from which on validation rules
// are part of a definition's stable API and sidecars end after their pods'
// other containers.
const leastMinor = 29

// lacking says what a part is for, and how to get it.
var lacking = map[string]struct {
	verdict       doctor.Verdict
	without, hint string
}{
	cluster.Knative:    {doctor.Fail, "functions do not run, but those of scaler: keda", cluster.InstallKnative},
	cluster.KEDA:       {doctor.Warn, "dispatchers do not scale, nor do functions of scaler: keda", cluster.InstallKEDA},
	cluster.Dapr:       {doctor.Warn, "functions with state, bindings or topics do not run", cluster.InstallDapr},
	cluster.Controller: {doctor.Fail, "meshes cannot be deployed", cluster.InstallWeft},
}

// examineCluster checks what meshes need on a cluster, and what the user may do
// there.
func examineCluster(ctx context.Context, remote onCluster) ([]doctor.Finding, error) {
	on, err := remote.open("")
	if err != nil {
		return nil, err
	}
	version, err := on.Version(ctx)
	if err != nil {
		return nil, err
	}
	kubernetes := doctor.Finding{Check: "kubernetes", Verdict: doctor.OK, Message: version}
	if minor := cluster.Minor(version); minor > 0 && minor < leastMinor {
		kubernetes.Verdict = doctor.Warn
		kubernetes.Message += fmt.Sprintf(": Weft is made for 1.%d and later", leastMinor)
	}
	findings := []doctor.Finding{kubernetes}
	parts, err := on.Examine(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		findings = append(findings, partFinding(p))
	}
	missing, err := on.Lacking(ctx)
	if err != nil {
		return nil, err
	}
	return append(findings, rightsFinding(on.Namespace(), missing)), nil
}

func partFinding(p cluster.Part) doctor.Finding {
	f := doctor.Finding{Check: p.Name, Verdict: doctor.OK, Message: p.Version}
	if f.Message == "" {
		f.Message = "installed"
	}
	about := lacking[p.Name]
	switch {
	case !p.Has:
		f.Verdict, f.Hint = about.verdict, about.hint
		f.Message = "is not installed: " + about.without
	case len(p.Lacks) > 0:
		f.Verdict, f.Hint = about.verdict, "install a version that serves them; "+about.hint
		f.Message = strings.TrimSpace(p.Version+" does not serve "+strings.Join(p.Lacks, ", ")) + ": " + about.without
	case p.Unseen != nil:
		f.Message += ", as far as can be seen without the right to list deployments.apps in all namespaces"
	case len(p.Deployments) == 0:
		f.Verdict, f.Hint = about.verdict, about.hint
		f.Message = "its definitions are there, and it does not run: " + about.without
	case len(p.Down) > 0:
		f.Verdict, f.Hint = about.verdict, "see why: kubectl describe deployment; kubectl get pods"
		f.Message += "; not available: " + strings.Join(p.Down, ", ")
	case p.Name == cluster.Knative && !slices.Contains(p.Deployments, "autoscaler-hpa"):
		f.Verdict, f.Hint = doctor.Warn, "install its HPA class: https://knative.dev/docs/install/yaml-install/serving"
		f.Message += " without the HPA class: targetCPU and targetMemory have no effect"
	}
	return f
}

func rightsFinding(namespace string, missing []cluster.Right) doctor.Finding {
	f := doctor.Finding{Check: "rights", Verdict: doctor.OK, Message: "all that commands need in the namespace " + namespace}
	if len(missing) == 0 {
		return f
	}
	f.Verdict, f.Hint = doctor.Warn, "ask who runs the cluster for them, or name another namespace with -n"
	f.Message = "missing in the namespace " + namespace + ":"
	for _, r := range missing {
		f.Message += fmt.Sprintf("\n%s (%s)", r, r.For)
	}
	return f
}
