package controller

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

const (
	// scrapeTimeout of one pod, and of all: below Prometheus' default of 10 s.
	scrapeTimeout = 3 * time.Second
	// maxScrape bounds what one pod answers, in bytes.
	maxScrape = 16 << 20
	// metricsPort of front and dispatchers.
	metricsPort = "9090"
	// scrapes under way at once.
	scrapesAtOnce = 16
)

// federation gathers the metrics of all fronts and dispatchers, so that one
// scrape of mesh-controller:9090 has them all. Each series gets the labels
// namespace and pod.
type federation struct {
	reader client.Reader
	client *http.Client
	log    *slog.Logger
}

var _ prometheus.Gatherer = (*federation)(nil)

func newFederation(r client.Reader, log *slog.Logger) *federation {
	return &federation{reader: r, log: log, client: &http.Client{
		Timeout:   scrapeTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 2 * time.Minute},
		// Whoever runs a pod with a mesh's labels would send us wherever he likes.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Gather implements prometheus.Gatherer. A pod that does not answer is left
// out.
func (f *federation) Gather() ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*scrapeTimeout)
	defer cancel()
	pods := &corev1.PodList{}
	if err := f.reader.List(ctx, pods, client.HasLabels{desired.LabelMesh, desired.LabelRole}); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, scrapesAtOnce)
	families := make(map[string]*dto.MetricFamily)
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !dispatches(pod) {
			continue
		}
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			scraped, err := f.scrape(ctx, pod)
			if err != nil {
				f.log.Debug("metrics of a pod are left out", "pod", pod.Namespace+"/"+pod.Name, "error", err.Error())
				return
			}
			mu.Lock()
			defer mu.Unlock()
			merge(families, scraped, pod)
		})
	}
	wg.Wait()
	list := slices.Collect(maps.Values(families))
	slices.SortFunc(list, func(a, b *dto.MetricFamily) int {
		switch {
		case a.GetName() < b.GetName():
			return -1
		case a.GetName() > b.GetName():
			return 1
		}
		return 0
	})
	return list, nil
}

// dispatches says whether a pod has metrics of a mesh to tell.
func dispatches(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		return false
	}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == "metrics" {
				return true
			}
		}
	}
	return false
}

func (f *federation) scrape(ctx context.Context, pod *corev1.Pod) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(pod.Status.PodIP, metricsPort)+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(io.LimitReader(resp.Body, maxScrape))
}

// merge adds what a pod told to what others did. Only metrics of the mesh
// count: those of the process are not what Weft promises.
func merge(into, scraped map[string]*dto.MetricFamily, pod *corev1.Pod) {
	namespace, name := "namespace", "pod"
	for key, family := range scraped {
		if !ofMesh(family) {
			continue
		}
		for _, m := range family.Metric {
			m.Label = append(m.Label, &dto.LabelPair{Name: &namespace, Value: &pod.Namespace}, &dto.LabelPair{Name: &name, Value: &pod.Name})
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int {
				if a.GetName() < b.GetName() {
					return -1
				}
				return 1
			})
		}
		if have := into[key]; have != nil && have.GetType() == family.GetType() {
			have.Metric = append(have.Metric, family.Metric...)
		} else if have == nil {
			into[key] = family
		}
	}
}

func ofMesh(family *dto.MetricFamily) bool {
	return len(family.Metric) > 0 && slices.ContainsFunc(family.Metric[0].Label, func(l *dto.LabelPair) bool { return l.GetName() == "mesh" })
}
