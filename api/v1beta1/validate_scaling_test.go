package v1beta1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestScalingPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		s      Scaling
		want   []string
	}{
		"Cron":     {reason: "five fields and a zone", s: Scaling{Cron: []CronScaling{{Start: "0 8 * * 1-5", End: "0 18 * * 1-5", TimeZone: "Europe/Berlin", Replicas: 2}}}},
		"Empty":    {reason: "KEDA has no defaults", s: Scaling{Cron: []CronScaling{{}}}, want: []string{"scaling.cron[0].start", "scaling.cron[0].end", "scaling.cron[0].replicas"}},
		"Every":    {reason: "an interval is no time of the day", s: Scaling{Cron: []CronScaling{{Start: "@every 5m", End: "@daily", Replicas: 1}}}, want: []string{"scaling.cron[0].start", "scaling.cron[0].end"}},
		"Fields":   {reason: "a field out of its range, a zone that is none", s: Scaling{Cron: []CronScaling{{Start: "0 25 * * *", End: "0 1 * * *", TimeZone: "Mars", Replicas: 1}}}, want: []string{"scaling.cron[0].start", "scaling.cron[0].timeZone"}},
		"Same":     {reason: "KEDA refuses a start that is the end", s: Scaling{Cron: []CronScaling{{Start: "0 8 * * *", End: "0 8 * * *", Replicas: 1}}}, want: []string{"scaling.cron[0].end"}},
		"Query":    {reason: "a query and its threshold", s: Scaling{Prometheus: []PrometheusScaling{{ServerAddress: "http://p:9090", Query: "up", Threshold: resource.MustParse("0.5")}}}},
		"NoQuery":  {reason: "nothing to ask, nobody to ask it", s: Scaling{Prometheus: []PrometheusScaling{{Query: " "}}}, want: []string{"scaling.prometheus[0].serverAddress", "scaling.prometheus[0].query", "scaling.prometheus[0].threshold"}},
		"Negative": {reason: "no replica for less than nothing", s: Scaling{Prometheus: []PrometheusScaling{{ServerAddress: "prometheus:9090", Query: "up", Threshold: resource.MustParse("-1")}}}, want: []string{"scaling.prometheus[0].serverAddress", "scaling.prometheus[0].threshold"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range c.s.validate(field.NewPath("scaling")) {
				got = append(got, e.Field)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
