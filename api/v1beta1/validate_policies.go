package v1beta1

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (p *Policies) validate(path *field.Path) field.ErrorList {
	errs := p.Scaling.validate(path.Child("scaling"))
	errs = append(errs, p.Retry.validate(path.Child("retry"))...)
	errs = append(errs, p.CircuitBreaker.validate(path.Child("circuitBreaker"))...)

	timeout := path.Child("timeout")
	errs = append(errs, positive(timeout.Child("default"), p.Timeout.Default)...)
	errs = append(errs, positive(timeout.Child("max"), p.Timeout.Max)...)
	if d, m := p.Timeout.Default, p.Timeout.Max; d != nil && m != nil && d.Duration > m.Duration {
		errs = append(errs, field.Invalid(timeout.Child("default"), ShortDuration(d.Duration), fmt.Sprintf("is more than max, %s; lower it, or raise max", ShortDuration(m.Duration))))
	}
	if p.Access == nil {
		return errs
	}
	for i, r := range p.Access.Rules {
		at := path.Child("access", "rules").Index(i)
		if r.Service == "" {
			errs = append(errs, field.Required(at.Child("service"), "name the service, or * for all"))
		}
		if r.Allow == "" {
			errs = append(errs, field.Required(at.Child("allow"), "give a CEL expression, or true"))
		}
	}
	return errs
}

func (s *Scaling) validate(path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	for _, f := range []struct {
		name  string
		value *int32
		least int32
	}{
		{"minReplicas", s.MinReplicas, 0},
		{"maxReplicas", s.MaxReplicas, 1},
		{"targetCPU", s.TargetCPU, 1},
		{"targetMemory", s.TargetMemory, 1},
		{"targetConcurrency", s.TargetConcurrency, 1},
		{"targetQueueLength", s.TargetQueueLength, 1},
	} {
		if f.value != nil {
			errs = append(errs, atLeast(path.Child(f.name), *f.value, f.least)...)
		}
	}
	if s.MinReplicas != nil && s.MaxReplicas != nil && *s.MinReplicas > *s.MaxReplicas {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), *s.MinReplicas, fmt.Sprintf("is more than maxReplicas, %d; lower it, or raise maxReplicas", *s.MaxReplicas)))
	}
	for i := range s.Cron {
		errs = append(errs, s.Cron[i].validate(path.Child("cron").Index(i))...)
	}
	for i := range s.Prometheus {
		errs = append(errs, s.Prometheus[i].validate(path.Child("prometheus").Index(i))...)
	}
	return errs
}

func (r *Retry) validate(path *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if r.MaxAttempts != nil {
		errs = append(errs, between(path.Child("maxAttempts"), *r.MaxAttempts, 1, 100)...)
	}
	switch r.Backoff {
	case "", BackoffExponential, BackoffLinear, BackoffConstant:
	default:
		errs = append(errs, field.NotSupported(path.Child("backoff"), r.Backoff, []Backoff{BackoffExponential, BackoffLinear, BackoffConstant}))
	}
	errs = append(errs, notNegative(path.Child("initialInterval"), r.InitialInterval)...)
	errs = append(errs, notNegative(path.Child("maxInterval"), r.MaxInterval)...)
	if i, m := r.InitialInterval, r.MaxInterval; i != nil && m != nil && i.Duration > m.Duration {
		errs = append(errs, field.Invalid(path.Child("initialInterval"), ShortDuration(i.Duration), fmt.Sprintf("is more than maxInterval, %s; lower it, or raise maxInterval", ShortDuration(m.Duration))))
	}
	return errs
}

func (c *CircuitBreaker) validate(path *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	var errs field.ErrorList
	if c.FailureThreshold != nil {
		errs = append(errs, atLeast(path.Child("failureThreshold"), *c.FailureThreshold, 1)...)
	}
	return append(errs, positive(path.Child("recoveryTimeout"), c.RecoveryTimeout)...)
}

// ShortDuration writes a duration as people do: 5m, not 5m0s.
func ShortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func between(path *field.Path, value, least, most int32) field.ErrorList {
	if value > most {
		return field.ErrorList{field.Invalid(path, value, fmt.Sprintf("is more than %d", most))}
	}
	return atLeast(path, value, least)
}

func atLeast(path *field.Path, value, least int32) field.ErrorList {
	if value < least {
		return field.ErrorList{field.Invalid(path, value, fmt.Sprintf("is less than %d", least))}
	}
	return nil
}

func positive(path *field.Path, d *metav1.Duration) field.ErrorList {
	if d != nil && d.Duration <= 0 {
		return field.ErrorList{field.Invalid(path, ShortDuration(d.Duration), "is not more than 0")}
	}
	return nil
}

func notNegative(path *field.Path, d *metav1.Duration) field.ErrorList {
	if d != nil && d.Duration < time.Duration(0) {
		return field.ErrorList{field.Invalid(path, ShortDuration(d.Duration), "is negative")}
	}
	return nil
}
