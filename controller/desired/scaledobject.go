package desired

import (
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/scalers"
)

const (
	// pollingInterval and cooldownPeriod in seconds: how soon KEDA sees an event
	// in front of a function at zero that it is not told of, and how long it waits
	// to send it there.
	pollingInterval = 2
	cooldownPeriod  = 30

	// backlog is the number of events before a function that calls for a
	// dispatcher beside the front's.
	backlog = 100
)

// scaledObjects desires those of the dispatchers and of functions with scaler:
// keda, and the authentication that they share: all queues are of one broker.
func (b *builder) scaledObjects() {
	if !b.settings.Has.KEDA || b.carrier.Name == "" {
		return
	}
	if b.found.ForeignScaler != "" {
		b.note(Note{Type: TypeScalingHonoured, Reason: "ForeignScaledObject",
			Message: "the ScaledObject " + b.found.ForeignScaler + " scales the dispatchers, and Weft's steps back"})
	} else {
		b.dispatcherScaler()
	}
	for _, f := range b.runs {
		if f.Spec.Scaler == v1beta1.ScalerKEDA {
			b.functionScaler(f)
		}
	}
}

// dispatcherScaler scales on all queues, by the one that asks for most replicas.
// A trigger that is pushed is for all of them; else each has its own, and KEDA
// takes the highest.
func (b *builder) dispatcherScaler() {
	var triggers []kinds.Trigger
	var queues []scalers.Watched
	// What waits for a function that cannot run is nothing to scale on.
	for _, f := range b.runs {
		if !dispatched(f) {
			continue
		}
		target := f.Scaling.TargetQueueLength
		if target == 0 {
			target = backlog
		}
		// Up to the target the front's own dispatcher does. It takes what comes to
		// a broker that is not JetStream at once, so a backlog is what is kept.
		if b.tells() {
			queues = append(queues, watched(f, target))
		} else if t, ok := b.keptTrigger(nil, b.queue(f, target, target)); ok {
			t.Name = f.KubeName
			triggers = append(triggers, t)
		}
	}
	if len(queues) > 0 {
		triggers = append(triggers, b.pushTrigger(1, queues...))
	}
	most := int(*b.plan.Mesh.Spec.Policies.Scaling.MaxReplicas)
	b.scaledObject(scaledObjectName(b.plan.Name), b.dispatcherName(), RoleDispatcher, nil, 0, most, triggers)
}

// functionScaler scales on the function's own queue, and on what policies ask.
func (b *builder) functionScaler(f *mesh.Function) {
	s := f.Scaling
	var triggers []kinds.Trigger
	if f.Queued() {
		target := s.TargetQueueLength
		if target == 0 {
			target = s.TargetConcurrency
		}
		if b.pushes() {
			triggers = append(triggers, b.pushTrigger(0, watched(f, target)))
		} else if t, ok := b.queueTrigger(f, b.queue(f, target, 0)); ok {
			t.Name = "queue"
			triggers = append(triggers, t)
		}
		if b.keeper.Name != "" {
			triggers = b.stays(f, triggers, target)
		}
	}
	for i, c := range s.Cron {
		triggers = append(triggers, scalers.Cron(i, c))
	}
	for i, p := range s.Prometheus {
		triggers = append(triggers, scalers.Prometheus(i, p))
	}
	least := s.Min
	wakes := len(triggers) > 0
	for _, r := range []struct {
		field   string
		target  int
		request float64
		trigger func(int, string) kinds.Trigger
	}{
		{"targetCPU", s.TargetCPU, requested(f, corev1.ResourceCPU), scalers.CPU},
		{"targetMemory", s.TargetMemory, requested(f, corev1.ResourceMemory), scalers.Memory},
	} {
		switch {
		case r.target == 0:
		case r.request == 0:
			b.dropped(f, r.field, "NoRequest", r.field+" is a share of a request in resources, which the function does not set")
		default:
			triggers = append(triggers, r.trigger(r.target, containerFunction))
		}
	}
	if len(triggers) == 0 {
		b.dropped(f, "minReplicas", "NothingToScaleOn", "it has no queue and no policy that KEDA could scale on, so it keeps the replicas that it has; link something to it, or use scaler: knative")
		return
	}
	if !wakes && least == 0 {
		least = 1
		b.dropped(f, "minReplicas", "MinimumIsOne", "nothing but CPU and memory scales it, which wake nobody, so minReplicas is 1")
	}
	if least == 0 && len(f.HTTP()) > 0 {
		b.note(Note{Function: f.Name, Path: at(f, "scaler"), Type: TypeTriggersHonoured, Reason: "NotWoken",
			Message: "KEDA wakes it for events in its queue, and not for HTTP requests: at zero they fail; set scaling.minReplicas to 1, or scaler: knative"})
	}
	b.scaledObject(f.Service, f.Service, RoleFunction, f, least, max(s.Max, least), triggers)
}

// stays adds what scales on the events that were taken from the broker, and are
// kept beside it: KEDA does not see them there any more.
func (b *builder) stays(f *mesh.Function, triggers []kinds.Trigger, target int) []kinds.Trigger {
	t, ok := b.pushTrigger(0, watched(f, target)), true
	if !b.tells() {
		t, ok = b.keptTrigger(f, b.queue(f, target, 0))
	}
	if !ok {
		return triggers
	}
	t.Name = "kept"
	return append(triggers, t)
}

// queueTrigger derives a trigger from the broker, or notes why there is none; f
// is nil for the dispatchers'.
func (b *builder) queueTrigger(f *mesh.Function, q scalers.Queue) (kinds.Trigger, bool) {
	return b.derive(b.carrier, b.plan.Name, f, q)
}

// keptTrigger is the same for where events are kept: beside a broker that is not
// JetStream.
func (b *builder) keptTrigger(f *mesh.Function, q scalers.Queue) (kinds.Trigger, bool) {
	if b.keeper.Name == "" {
		return b.queueTrigger(f, q)
	}
	return b.derive(b.keeper, shorten(b.plan.Name+"-kept", maxName), f, q)
}

func (b *builder) derive(c v1beta1.Component, auth string, f *mesh.Function, q scalers.Queue) (kinds.Trigger, bool) {
	d, err := scalers.ForQueue(c, q)
	if err != nil {
		n := Note{Path: "spec.broker", Type: TypeScalingHonoured, Reason: "Underivable", Message: err.Error()}
		var underivable *scalers.UnderivableError
		if errors.As(err, &underivable) && c.Name == b.plan.Broker {
			n.Path = b.componentPath(c.Name)
		}
		if f != nil {
			n.Function = f.Name
		}
		b.once(n)
		return d.Trigger, false
	}
	if d.Auth != nil {
		d.Trigger.AuthenticationRef = &kinds.AuthenticationRef{Name: auth}
		b.triggerAuthentication(auth, *d.Auth)
	}
	return d.Trigger, true
}

// triggerAuthentication desires one of that name, once.
func (b *builder) triggerAuthentication(name string, spec kinds.TriggerAuthenticationSpec) {
	for _, o := range b.state.Objects {
		if t, had := o.(*kinds.TriggerAuthentication); had && t.Name == name {
			return
		}
	}
	b.add(&kinds.TriggerAuthentication{
		TypeMeta: typeMeta(kinds.KEDAAPI, "TriggerAuthentication"), ObjectMeta: b.meta(name, "", nil), Spec: spec,
	})
}

// scaledObject desires one for a Deployment, unless it would have no trigger.
func (b *builder) scaledObject(name, target, role string, f *mesh.Function, least, most int, triggers []kinds.Trigger) {
	if len(triggers) == 0 {
		return
	}
	s := &kinds.ScaledObject{TypeMeta: typeMeta(kinds.KEDAAPI, "ScaledObject"), ObjectMeta: b.meta(name, role, f)}
	s.Spec = kinds.ScaledObjectSpec{
		ScaleTargetRef:  kinds.ScaleTarget{Name: target},
		MinReplicaCount: ptr(int32(least)), MaxReplicaCount: ptr(int32(most)), Triggers: triggers,
		Advanced: &kinds.Advanced{HPA: kinds.HPAConfig{Behavior: kinds.HPABehavior{
			ScaleDown: kinds.HPARules{StabilizationWindowSeconds: cooldownPeriod},
		}}},
	}
	// Where nobody goes to zero the HPA does all, and KEDA warns of these.
	if least == 0 {
		s.Spec.PollingInterval, s.Spec.CooldownPeriod = ptr(b.interval(triggers)), ptr(int32(cooldownPeriod))
	}
	b.add(s)
}
