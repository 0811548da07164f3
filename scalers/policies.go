package scalers

import (
	"strconv"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
)

// CPU scales on the use of CPU by one container, in percent of its request,
// which it must have. It wakes nobody: with it alone the minimum is 1.
func CPU(percent int, container string) kinds.Trigger {
	return resource("cpu", percent, container)
}

// Memory scales on the use of memory, as CPU does.
func Memory(percent int, container string) kinds.Trigger {
	return resource("memory", percent, container)
}

// resource says by metricType what kind of figure value is: KEDA no longer takes
// it from the metadata.
func resource(kind string, percent int, container string) kinds.Trigger {
	return kinds.Trigger{
		Type: kind, Name: kind, MetricType: kinds.MetricUtilization,
		Metadata: map[string]string{"value": strconv.Itoa(percent), "containerName": container},
	}
}

// Cron keeps a number of replicas between two times. The nth policy of a
// function gets the name cron-<n>: names within a ScaledObject differ.
func Cron(n int, c v1beta1.CronScaling) kinds.Trigger {
	zone := c.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return kinds.Trigger{
		Type: "cron", Name: "cron-" + strconv.Itoa(n),
		Metadata: map[string]string{
			"timezone": zone, "start": c.Start, "end": c.End, "desiredReplicas": strconv.Itoa(int(c.Replicas)),
		},
	}
}

// Prometheus scales on the result of a query; its name is prometheus-<n>.
func Prometheus(n int, p v1beta1.PrometheusScaling) kinds.Trigger {
	return kinds.Trigger{
		Type: "prometheus", Name: "prometheus-" + strconv.Itoa(n),
		Metadata: map[string]string{
			"serverAddress": p.ServerAddress, "query": p.Query,
			"threshold": strconv.FormatFloat(p.Threshold.AsApproximateFloat64(), 'f', -1, 64),
		},
	}
}
