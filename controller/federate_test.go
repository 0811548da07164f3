package controller

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// pods is a cluster that has pods and nothing else.
type pods []corev1.Pod

func (pods) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("nobody gets a pod")
}

func (p pods) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*corev1.PodList).Items = p
	return nil
}

func pod(name, ip, port string, phase corev1.PodPhase) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{desired.LabelMesh: "m", desired.LabelRole: "front"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "front", Ports: []corev1.ContainerPort{{Name: port}}}}},
		Status:     corev1.PodStatus{Phase: phase, PodIP: ip},
	}
}

type answers map[string]string // by host

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	text, has := a[r.URL.Host]
	if !has || r.URL.Path != "/metrics" {
		return nil, errors.New("nobody answers at " + r.URL.String())
	}
	if to, away := strings.CutPrefix(text, "away to "); away {
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {to}}, Body: http.NoBody, Request: r}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

const told = `# TYPE weft_events_total counter
weft_events_total{function="a",mesh="m"} %
# TYPE go_goroutines gauge
go_goroutines 12
`

func TestFederation(t *testing.T) {
	number := func(n string) string { return strings.Replace(told, "%", n, 1) }
	const one, two = `weft_events_total{function="a",mesh="m",namespace="shop",pod="one"} 1`, `weft_events_total{function="a",mesh="m",namespace="shop",pod="two"} 2`
	cases := map[string]struct {
		reason  string
		pods    pods
		answers answers
		want    []string
	}{
		"All": {
			"each pod's series say whose they are, and a process's own are left out",
			pods{pod("one", "10.0.0.1", "metrics", corev1.PodRunning), pod("two", "fd00::2", "metrics", corev1.PodRunning)},
			answers{"10.0.0.1:9090": number("1"), "[fd00::2]:9090": number("2")},
			[]string{one, two},
		},
		"Silent": {
			"who does not answer, or not with metrics, takes nothing from the others",
			pods{pod("one", "10.0.0.1", "metrics", corev1.PodRunning), pod("two", "10.0.0.2", "metrics", corev1.PodRunning), pod("three", "10.0.0.3", "metrics", corev1.PodRunning)},
			answers{"10.0.0.1:9090": number("1"), "10.0.0.3:9090": "<html>"},
			[]string{one},
		},
		"Away": {
			"who sends us elsewhere is not followed",
			pods{pod("one", "10.0.0.1", "metrics", corev1.PodRunning), pod("two", "10.0.0.2", "metrics", corev1.PodRunning)},
			answers{"10.0.0.1:9090": number("1"), "10.0.0.2:9090": "away to http://10.0.0.9:9090/metrics", "10.0.0.9:9090": number("2")},
			[]string{one},
		},
		"Others": {
			"only pods that run and have the port are asked",
			pods{
				pod("one", "10.0.0.1", "metrics", corev1.PodRunning), pod("two", "10.0.0.2", "http", corev1.PodRunning),
				pod("three", "", "metrics", corev1.PodRunning), pod("four", "10.0.0.4", "metrics", corev1.PodPending),
			},
			answers{"10.0.0.1:9090": number("1"), "10.0.0.2:9090": number("2"), ":9090": number("3"), "10.0.0.4:9090": number("4")},
			[]string{one},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFederation(tc.pods, slog.New(slog.DiscardHandler))
			f.client.Transport = tc.answers
			families, err := f.Gather()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			for _, family := range families {
				if _, err := expfmt.MetricFamilyToText(&out, family); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, "#") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
