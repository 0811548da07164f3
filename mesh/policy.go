package mesh

import (
	"github.com/weftmesh/weft/api/v1beta1"
)

// targetUtilization is the share of a replica's concurrency at which another
// is wanted, as Knative's target-utilization-percentage.
const targetUtilization = 70

// scalingOf gives the scaling in force: function over policy, field by field.
// The policy has its defaults.
func scalingOf(policy v1beta1.Scaling, own *v1beta1.Scaling, concurrency int) Scaling {
	layers := []*v1beta1.Scaling{own, &policy}
	pick := func(field func(*v1beta1.Scaling) *int32) int {
		for _, l := range layers {
			if l != nil && field(l) != nil {
				return int(*field(l))
			}
		}
		return 0
	}
	s := Scaling{
		Min:               pick(func(s *v1beta1.Scaling) *int32 { return s.MinReplicas }),
		Max:               pick(func(s *v1beta1.Scaling) *int32 { return s.MaxReplicas }),
		TargetCPU:         pick(func(s *v1beta1.Scaling) *int32 { return s.TargetCPU }),
		TargetMemory:      pick(func(s *v1beta1.Scaling) *int32 { return s.TargetMemory }),
		TargetConcurrency: pick(func(s *v1beta1.Scaling) *int32 { return s.TargetConcurrency }),
		TargetQueueLength: pick(func(s *v1beta1.Scaling) *int32 { return s.TargetQueueLength }),
	}
	for _, l := range layers {
		if l != nil && s.Cron == nil {
			s.Cron = l.Cron
		}
		if l != nil && s.Prometheus == nil {
			s.Prometheus = l.Prometheus
		}
	}
	if s.TargetConcurrency == 0 {
		s.TargetConcurrency = max(1, concurrency*targetUtilization/100)
	}
	return s
}

// retryOf gives the retry in force: the first of the layers that sets a field
// decides it. The last layer has its defaults.
func retryOf(layers ...*v1beta1.Retry) Retry {
	var r Retry
	for _, l := range layers {
		if l == nil {
			continue
		}
		if r.MaxAttempts == 0 && l.MaxAttempts != nil {
			r.MaxAttempts = int(*l.MaxAttempts)
		}
		if r.Backoff == "" {
			r.Backoff = l.Backoff
		}
	}
	for _, l := range layers {
		if l != nil && l.InitialInterval != nil {
			r.InitialInterval = l.InitialInterval.Duration
			break
		}
	}
	for _, l := range layers {
		if l != nil && l.MaxInterval != nil {
			r.MaxInterval = l.MaxInterval.Duration
			break
		}
	}
	return r
}

func breakerOf(policy v1beta1.CircuitBreaker, own *v1beta1.CircuitBreaker) Breaker {
	if own != nil {
		if own.FailureThreshold != nil {
			policy.FailureThreshold = own.FailureThreshold
		}
		if own.RecoveryTimeout != nil {
			policy.RecoveryTimeout = own.RecoveryTimeout
		}
	}
	return Breaker{
		FailureThreshold: int(*policy.FailureThreshold),
		RecoveryTimeout:  policy.RecoveryTimeout.Duration,
	}
}
