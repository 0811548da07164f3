package scalers

import (
	"strconv"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/weftmesh/weft/api/v1beta1"
)

// CPU scales on the use of CPU by one container, in percent of its request,
// which it must have. It wakes nobody: with it alone the minimum is 1.
func CPU(percent int, container string) kedav1alpha1.ScaleTriggers {
	return resource("cpu", percent, container)
}

// Memory scales on the use of memory, as CPU does.
func Memory(percent int, container string) kedav1alpha1.ScaleTriggers {
	return resource("memory", percent, container)
}

// resource says by metricType what kind of figure value is: KEDA no longer takes
// it from the metadata.
func resource(kind string, percent int, container string) kedav1alpha1.ScaleTriggers {
	return kedav1alpha1.ScaleTriggers{
		Type: kind, Name: kind, MetricType: autoscalingv2.UtilizationMetricType,
		Metadata: map[string]string{"value": strconv.Itoa(percent), "containerName": container},
	}
}

// Cron keeps a number of replicas between two times. The nth policy of a
// function gets the name cron-<n>: names within a ScaledObject differ.
func Cron(n int, c v1beta1.CronScaling) kedav1alpha1.ScaleTriggers {
	zone := c.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return kedav1alpha1.ScaleTriggers{
		Type: "cron", Name: "cron-" + strconv.Itoa(n),
		Metadata: map[string]string{
			"timezone": zone, "start": c.Start, "end": c.End, "desiredReplicas": strconv.Itoa(int(c.Replicas)),
		},
	}
}

// Prometheus scales on the result of a query; its name is prometheus-<n>.
func Prometheus(n int, p v1beta1.PrometheusScaling) kedav1alpha1.ScaleTriggers {
	return kedav1alpha1.ScaleTriggers{
		Type: "prometheus", Name: "prometheus-" + strconv.Itoa(n),
		Metadata: map[string]string{
			"serverAddress": p.ServerAddress, "query": p.Query,
			"threshold": strconv.FormatFloat(p.Threshold.AsApproximateFloat64(), 'f', -1, 64),
		},
	}
}
