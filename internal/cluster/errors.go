package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An explained error has words for someone at a prompt before those of the API
// server, and says what to do.
type explained struct {
	err        error
	text, hint string
}

func (e *explained) Error() string { return e.text + ": " + e.err.Error() }
func (e *explained) Unwrap() error { return e.err }
func (e *explained) Hint() string  { return e.hint }

// The ways to what a cluster may lack.
const (
	InstallWeft    = "install Weft on the cluster, from a checkout of its repository: kubectl apply --server-side -k manifests/overlays/nats"
	InstallKnative = "install Knative Serving: https://knative.dev/docs/install/yaml-install/serving"
	InstallKEDA    = "install KEDA: https://keda.sh/docs/latest/deploy"
	InstallDapr    = "install Dapr: https://docs.dapr.io/operations/hosting/kubernetes"
)

// explain says what an error of the API server means.
func (c *Cluster) explain(k kind, err error) error {
	var unreachable *url.Error
	var status apierrors.APIStatus
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case unknownKind(err):
		if k.GroupResource() == meshes.GroupResource() {
			return &explained{err, "the cluster does not know FunctionMeshes", InstallWeft}
		}
		return &explained{err, "the cluster does not know the kind " + k.name + " of " + k.Group, InstallDapr}
	case errors.As(err, &status) && apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return &explained{err, "there is no such namespace", "make it, or name another with -n: kubectl create namespace " + status.Status().Details.Name}
	case apierrors.IsConflict(err):
		return conflict(err)
	case refusedByPolicy(err):
		return &explained{err, "a policy of the cluster refuses it", "change what it names, or ask who runs the cluster: kubectl get validatingwebhookconfigurations,validatingadmissionpolicies"}
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return &explained{err, "the namespace's quota is used up", "remove something, or ask who runs the cluster for more: kubectl describe resourcequota -n " + c.namespace}
	case apierrors.IsForbidden(err):
		return &explained{err, "the kubeconfig's user may not do that", "ask who runs the cluster for the right (docs/cluster.md, Rights), or name another context with --context"}
	case apierrors.IsUnauthorized(err):
		return &explained{err, "the cluster does not accept the kubeconfig's credentials", "renew them, or name another context with --context"}
	case apierrors.IsInvalid(err):
		return invalid(err)
	case errors.As(err, &unreachable), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &explained{err, "the cluster at " + c.config.Host + " does not answer", "is it running, and is the context the right one? kubectl config get-contexts"}
	}
	return err
}

// unknownKind says whether the API server has no such resource at all: then the
// answer is not one of its own objects.
func unknownKind(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// refusedByPolicy says whether an admission webhook or policy refused the
// object. The API server marks that in the text alone; the reason is whatever
// the webhook wants, "Forbidden" and "Invalid" among others.
func refusedByPolicy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "admission webhook ") && strings.Contains(text, "denied the request") ||
		strings.Contains(text, "ValidatingAdmissionPolicy ") && strings.Contains(text, "denied request")
}

// ConflictError is an object of which someone else set fields to other values
// than the mesh's files have (the conflicts of server-side apply).
type ConflictError struct {
	// Managers of these fields, such as kubectl-edit.
	Managers []string
	// Fields, as in .spec.policies.
	Fields []string
	err    error
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s set %s to something else", strings.Join(e.Managers, " and "), strings.Join(e.Fields, ", "))
}

func (e *ConflictError) Unwrap() error { return e.err }

// conflict takes from the API server's words who set what.
func conflict(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return err
	}
	e := &ConflictError{err: err}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := cause.Message // conflict with "NAME" using v1
		if parts := strings.SplitN(cause.Message, `"`, 3); len(parts) == 3 {
			manager = parts[1]
		}
		if !slices.Contains(e.Managers, manager) {
			e.Managers = append(e.Managers, manager)
		}
		e.Fields = append(e.Fields, cause.Field)
	}
	if len(e.Fields) == 0 {
		return err
	}
	return e
}

// InvalidError is an object that the API server does not take.
type InvalidError struct {
	// Faults by field, as in spec.functions[0].image.
	Faults []Fault
	err    error
}

// Fault is what is wrong with one field.
type Fault struct{ Field, Message string }

func (e *InvalidError) Error() string { return e.err.Error() }
func (e *InvalidError) Unwrap() error { return e.err }

func invalid(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return err
	}
	e := &InvalidError{err: err}
	for _, cause := range status.Status().Details.Causes {
		e.Faults = append(e.Faults, Fault{Field: cause.Field, Message: cause.Message})
	}
	return e
}
