package mesh

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/weftmesh/weft/api/v1beta1"
)

// Plan is a compiled FunctionMesh: the graph with its names, conditions and
// policies resolved. It is immutable and safe for concurrent use.
type Plan struct {
	// Name and Namespace of the mesh; the namespace is "default" if the file
	// names none.
	Name, Namespace string
	// Functions in the order of the file.
	Functions []*Function
	// Links in the order of the file.
	Links []*Link
	// Components declared inline and beside the mesh, by name, and the embedded
	// state store of a mesh that declares none (TypeEmbedded).
	Components map[string]v1beta1.Component
	// Broker is the component that carries the links, or "".
	Broker string
	// MaxHops bounds how many links one event may travel in a row, so that a
	// cycle ends: MaxHops events deep the output goes to the dead letters.
	MaxHops int
	// Mesh is the document that was compiled, with defaults.
	Mesh *v1beta1.FunctionMesh

	byName map[string]*Function
}

// Function is a node of a Plan.
type Function struct {
	// Name as the author wrote it, KubeName in kebab-case.
	Name, KubeName string
	// Service is K_SERVICE and the name of the Knative Service:
	// <mesh>-<function>, hashed beyond 52 characters.
	Service string
	// Source is the CloudEvents source of what the function outputs
	// (/<namespace>/<mesh>/<function>, the name in kebab-case) and Type its
	// CloudEvents type (<mesh>.<function>.output).
	Source, Type string
	// Stream and Subject of the function's queue:
	// WEFT_<namespace>_<mesh>_<function>, weft.<namespace>.<mesh>.<function>.
	Stream, Subject string
	// Index in Plan.Functions.
	Index int

	Triggers    []v1beta1.Trigger
	Env         []corev1.EnvVar
	Resources   corev1.ResourceRequirements
	Concurrency int
	Timeout     time.Duration
	Scaling     Scaling
	// Retry holds for calls that come through no link, such as triggers.
	Retry   Retry
	Breaker Breaker
	// State and Bindings are the components that the function may use, after
	// Dapr's rule of scopes.
	State, Bindings []string
	// PubSubs and SecretStores are the components of these kinds whose scopes
	// admit the function.
	PubSubs, SecretStores []string
	Calls                 []string
	// Out and In are the links from and to the function, in the file's order.
	Out, In []*Link
	// Spec is the function's part of the document.
	Spec *v1beta1.Function
}

// Queued says whether the function has a queue: something is linked to it or
// a trigger other than http and rpc calls it.
func (f *Function) Queued() bool {
	if len(f.In) > 0 {
		return true
	}
	for _, t := range f.Triggers {
		if t.Type != v1beta1.TriggerHTTP && t.Type != v1beta1.TriggerRPC {
			return true
		}
	}
	return false
}

// BuildEnv is what the function adds to the environment of its build, as
// NAME=value.
func (f *Function) BuildEnv() []string {
	if f.Spec.Build == nil {
		return nil
	}
	env := make([]string, 0, len(f.Spec.Build.Env))
	for _, v := range f.Spec.Build.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	return env
}

// HTTP returns the function's http triggers.
func (f *Function) HTTP() []v1beta1.Trigger {
	var ts []v1beta1.Trigger
	for _, t := range f.Triggers {
		if t.Type == v1beta1.TriggerHTTP {
			ts = append(ts, t)
		}
	}
	return ts
}

// Link is an edge of a Plan: one entry of spec.connections.
type Link struct {
	// Index in Plan.Links.
	Index     int
	From, To  *Function
	Condition *Condition
	// Retry in force on this link: link over function over policy.
	Retry Retry
}

// String gives "from->to", the value of the link label of metrics.
func (l *Link) String() string { return l.From.Name + "->" + l.To.Name }

// Scaling in force for a function. A target of 0 is not set.
type Scaling struct {
	Min, Max                                                      int
	TargetCPU, TargetMemory, TargetConcurrency, TargetQueueLength int
	// Cron and Prometheus are the function's if it has any, else the policies'.
	Cron       []v1beta1.CronScaling
	Prometheus []v1beta1.PrometheusScaling
}

// Retry in force.
type Retry struct {
	// MaxAttempts counts the first try; at least 1.
	MaxAttempts     int
	Backoff         v1beta1.Backoff
	InitialInterval time.Duration
	MaxInterval     time.Duration
}

// Pause returns how long to wait after the nth failed attempt (n from 1):
// initialInterval * 2^(n-1), * n or * 1 by backoff, at most MaxInterval.
func (r Retry) Pause(n int) time.Duration {
	d := r.InitialInterval
	for i := 1; i < n && d < r.MaxInterval; i++ {
		switch r.Backoff {
		case v1beta1.BackoffLinear:
			d += r.InitialInterval
		case v1beta1.BackoffConstant:
		default:
			d *= 2
		}
	}
	return min(d, r.MaxInterval)
}

// Breaker is the circuit breaker in force for a function.
type Breaker struct {
	FailureThreshold int
	RecoveryTimeout  time.Duration
}

// Function returns the function of that name, as written or in kebab-case,
// or nil.
func (p *Plan) Function(name string) *Function { return p.byName[name] }

// Downstream returns the functions that f's links lead to, directly and
// through others, each once, nearest first; f itself only if a cycle leads
// back to it.
func (p *Plan) Downstream(f *Function) []*Function {
	var out []*Function
	seen := make(map[*Function]bool)
	for queue := []*Function{f}; len(queue) > 0; queue = queue[1:] {
		for _, l := range queue[0].Out {
			if !seen[l.To] {
				seen[l.To] = true
				out = append(out, l.To)
				queue = append(queue, l.To)
			}
		}
	}
	return out
}
