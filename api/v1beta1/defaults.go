package v1beta1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What holds where a mesh says nothing.
const (
	DefaultNamespace   = "default"
	DefaultConcurrency = 100

	DefaultMinReplicas = 0
	DefaultMaxReplicas = 10

	DefaultMaxAttempts     = 3
	DefaultBackoff         = BackoffExponential
	DefaultInitialInterval = time.Second
	DefaultMaxInterval     = 30 * time.Second

	DefaultTimeout    = 30 * time.Second
	DefaultTimeoutMax = 300 * time.Second

	DefaultFailureThreshold = 5
	DefaultRecoveryTimeout  = 60 * time.Second

	DefaultComponentVersion = "v1"
)

// SetDefaults fills in what the mesh leaves out, so that no reader of it needs
// to know a default. Functions and links keep what they leave to the policies.
//
// A default gives way to its neighbour: minReplicas: 20 alone raises the
// default of maxReplicas to 20, timeout.max: 10s alone lowers that of
// timeout.default to 10s.
func (m *FunctionMesh) SetDefaults() {
	if m.Namespace == "" {
		m.Namespace = DefaultNamespace
	}
	for i := range m.Spec.Functions {
		m.Spec.Functions[i].setDefaults(m.Name)
	}
	for i := range m.Spec.Components {
		m.Spec.Components[i].SetDefaults()
	}
	m.Spec.Policies.setDefaults()
}

func (f *Function) setDefaults(mesh string) {
	if f.Scaler == "" {
		f.Scaler = ScalerKnative
	}
	for i := range f.Triggers {
		f.Triggers[i].setDefaults(mesh, f.Name)
	}
	f.Scaling.setDefaults()
}

// setDefaults leaves what other layers may say.
func (s *Scaling) setDefaults() {
	if s == nil {
		return
	}
	for i := range s.Cron {
		setIf(&s.Cron[i].TimeZone, "UTC")
	}
}

func (t *Trigger) setDefaults(mesh, function string) {
	switch t.Type {
	case TriggerHTTP, TriggerQueue:
		setIf(&t.Path, "/"+KubeName(function))
	case TriggerCron:
		setIf(&t.TimeZone, "UTC")
		setIf(&t.Missed, "skip")
	case TriggerPostgres:
		if len(t.Operations) == 0 {
			t.Operations = []string{"insert", "update", "delete"}
		}
	case TriggerFile:
		setIf(&t.Pattern, "*")
	case TriggerRPC:
		setIf(&t.Service, mesh)
		setIf(&t.Function, function)
	}
	if t.RateLimit != nil {
		setIf(&t.RateLimit.Per, "second")
		setIf(&t.RateLimit.By, "caller")
		setPtr(&t.RateLimit.Burst, t.RateLimit.Requests)
	}
	if t.Auth != nil && t.Auth.APIKey != nil {
		setIf(&t.Auth.APIKey.Header, "X-Api-Key")
	}
	if t.Auth != nil && t.Auth.JWT != nil && len(t.Auth.JWT.Algorithms) == 0 {
		t.Auth.JWT.Algorithms = []string{"RS256", "ES256"}
		if t.Auth.JWT.Secret != nil {
			t.Auth.JWT.Algorithms = []string{"HS256"}
		}
	}
}

// SetDefaults fills in what a component leaves out.
func (c *Component) SetDefaults() { setIf(&c.Version, DefaultComponentVersion) }

func (p *Policies) setDefaults() {
	p.Scaling.setDefaults()
	setPtr(&p.Scaling.MinReplicas, DefaultMinReplicas)
	setPtr(&p.Scaling.MaxReplicas, max(DefaultMaxReplicas, *p.Scaling.MinReplicas))

	setPtr(&p.Retry.MaxAttempts, DefaultMaxAttempts)
	setIf(&p.Retry.Backoff, DefaultBackoff)
	setDuration(&p.Retry.InitialInterval, DefaultInitialInterval)
	setDuration(&p.Retry.MaxInterval, max(DefaultMaxInterval, p.Retry.InitialInterval.Duration))

	setDuration(&p.Timeout.Max, DefaultTimeoutMax)
	setDuration(&p.Timeout.Default, min(DefaultTimeout, p.Timeout.Max.Duration))

	setPtr(&p.CircuitBreaker.FailureThreshold, DefaultFailureThreshold)
	setDuration(&p.CircuitBreaker.RecoveryTimeout, DefaultRecoveryTimeout)
}

func setIf[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setPtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func setDuration(field **metav1.Duration, value time.Duration) {
	setPtr(field, metav1.Duration{Duration: value})
}
