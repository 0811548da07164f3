package desired

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
)

// autoscaling gives the annotations by which Knative scales a function: by
// concurrency and down to zero (KPA), or by CPU or memory (HPA), which takes one
// metric and keeps one replica at least.
func (b *builder) autoscaling(f *mesh.Function) map[string]string {
	least := f.Scaling.Min
	a := make(map[string]string)
	if metric, target := b.resourceMetric(f); metric != "" {
		if least == 0 {
			least = 1
			b.dropped(f, "minReplicas", "MinimumIsOne", "Knative's HPA class keeps one replica at least, so minReplicas is 1; to go to zero, leave targetCPU and targetMemory out")
		}
		if own := f.Spec.Scaling; own != nil && own.TargetConcurrency != nil {
			b.dropped(f, "targetConcurrency", "OneMetric", "Knative scales on one metric, and "+metric+" wins over targetConcurrency")
		}
		a[kinds.AnnotationClass] = kinds.ClassHPA
		a[kinds.AnnotationMetric] = metric
		a[kinds.AnnotationTarget] = strconv.Itoa(target)
	} else {
		a[kinds.AnnotationClass] = kinds.ClassKPA
		a[kinds.AnnotationMetric] = kinds.MetricConcurrency
		a[kinds.AnnotationTarget] = strconv.Itoa(f.Scaling.TargetConcurrency)
		// The target is what a replica should have, and not what 70 % of it are.
		a[kinds.AnnotationTargetUtilization] = "100"
		if least == 0 && b.settings.Has.ZeroInitialScale {
			a[kinds.AnnotationInitialScale] = "0"
		}
	}
	a[kinds.AnnotationMinScale] = strconv.Itoa(least)
	a[kinds.AnnotationMaxScale] = strconv.Itoa(max(f.Scaling.Max, least))
	if f.Scaling.TargetQueueLength > 0 && f.Spec.Scaling != nil && f.Spec.Scaling.TargetQueueLength != nil {
		b.dropped(f, "targetQueueLength", "NotKnative", "targetQueueLength is for scaler: keda")
	}
	if len(f.Scaling.Cron) > 0 {
		b.dropped(f, "cron", "NotKnative", "Knative does not scale by the time of the day; use scaler: keda")
	}
	if len(f.Scaling.Prometheus) > 0 {
		b.dropped(f, "prometheus", "NotKnative", "Knative does not scale by queries; use scaler: keda")
	}
	return a
}

// resourceMetric is the resource that a function scales on, and its target: CPU
// in percent of the request, memory in Mi, the units of Knative's HPA class.
func (b *builder) resourceMetric(f *mesh.Function) (metric string, target int) {
	s := f.Scaling
	if s.TargetCPU == 0 && s.TargetMemory == 0 {
		return "", 0
	}
	if !b.settings.Has.HPA {
		b.dropped(f, "targetCPU", ReasonNoHPA, "the cluster has no autoscaler for CPU and memory, so it scales by concurrency; "+installHPA)
		return "", 0
	}
	if s.TargetCPU > 0 {
		if requested(f, corev1.ResourceCPU) > 0 {
			if s.TargetMemory > 0 {
				b.dropped(f, "targetMemory", "OneMetric", "Knative scales on one metric, and targetCPU wins over targetMemory; scaler: keda takes both")
			}
			return kinds.MetricCPU, s.TargetCPU
		}
		b.dropped(f, "targetCPU", "NoRequest", "targetCPU is a share of resources.requests.cpu, which the function does not set")
	}
	if s.TargetMemory > 0 {
		if bytes := requested(f, corev1.ResourceMemory); bytes > 0 {
			return kinds.MetricMemory, max(1, int(bytes*float64(s.TargetMemory)/100/(1<<20)))
		}
		b.dropped(f, "targetMemory", "NoRequest", "targetMemory is a share of resources.requests.memory, which the function does not set")
	}
	return "", 0
}

// requested is the container's request; Kubernetes takes a limit alone for the
// request as well.
func requested(f *mesh.Function, name corev1.ResourceName) float64 {
	if q, ok := f.Resources.Requests[name]; ok {
		return q.AsApproximateFloat64()
	}
	q := f.Resources.Limits[name]
	return q.AsApproximateFloat64()
}

// dropped notes a part of a function's scaling that is not as the mesh says. It
// lies in the function, or in the policies.
func (b *builder) dropped(f *mesh.Function, field, reason, message string) {
	b.once(Note{Function: f.Name, Path: scalingPath(f, field), Type: TypeScalingHonoured, Reason: reason, Message: message})
}

func scalingPath(f *mesh.Function, field string) string {
	if s := f.Spec.Scaling; s != nil {
		own := map[string]bool{
			"minReplicas": s.MinReplicas != nil, "targetCPU": s.TargetCPU != nil, "targetMemory": s.TargetMemory != nil,
			"targetConcurrency": s.TargetConcurrency != nil, "targetQueueLength": s.TargetQueueLength != nil,
			"cron": s.Cron != nil, "prometheus": s.Prometheus != nil,
		}
		if own[field] {
			return at(f, "scaling."+field)
		}
	}
	return fmt.Sprintf("spec.policies.scaling.%s", field)
}
