package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/weftmesh/weft/controller/desired"
)

// maxLogLine bounds a line of a pod's log, in bytes.
const maxLogLine = 1 << 20

// newPodsEvery is how often pods that have come are looked for while logs are
// followed.
const newPodsEvery = time.Second

// LogQuery says which lines.
type LogQuery struct {
	Mesh string
	// Function by its Label; "" for all, front and dispatchers included.
	Function string
	// Follow goes on with new lines, and new pods, until the context ends.
	Follow bool
	// Since is the time of the oldest line, to the second; zero for all.
	Since time.Time
	// Most lines that each container has had; 0 for all.
	Most int
}

// LogLine is one line of a container.
type LogLine struct {
	Time time.Time
	// Function by its Label; "" for front and dispatchers, also for the
	// dispatcher in a function's own pod.
	Function string
	// Pod it is of.
	Pod  string
	Text []byte
}

// Logs reads lines of the mesh's pods until all are read or, if followed, ctx
// ends. Those of one container come in order. yield is called by one goroutine
// at a time. Sidecars of Knative and Dapr are left out.
func (c *Cluster) Logs(ctx context.Context, q LogQuery, yield func(LogLine)) error {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		errs  []error
		begun = make(map[string]bool)
	)
	ctx, stop := context.WithCancel(ctx)
	defer wg.Wait()
	defer stop()
	one := func(l LogLine) {
		mu.Lock()
		defer mu.Unlock()
		yield(l)
	}
	labels := map[string]string{desired.LabelMesh: q.Mesh}
	if q.Function != "" {
		labels[desired.LabelFunction] = q.Function
	}
	look := func() error {
		all, err := c.pods(ctx, labels)
		if err != nil {
			return err
		}
		for _, p := range all {
			for _, s := range p.Status.ContainerStatuses {
				id := s.ContainerID
				if id == "" || begun[id] || s.Name == "queue-proxy" || s.Name == "daprd" {
					continue
				}
				begun[id] = true
				wg.Go(func() {
					err := c.containerLog(ctx, p, s.Name, q, one)
					if err != nil && ctx.Err() == nil {
						mu.Lock()
						errs = append(errs, err)
						mu.Unlock()
					}
				})
			}
		}
		return nil
	}
	if err := look(); err != nil {
		return err
	}
	for q.Follow {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(newPodsEvery):
		}
		if err := look(); err != nil && ctx.Err() == nil {
			return err
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *Cluster) containerLog(ctx context.Context, p *pod, container string, q LogQuery, yield func(LogLine)) error {
	query := url.Values{"container": {container}, "timestamps": {"true"}}
	if q.Follow {
		query.Set("follow", "true")
	}
	if !q.Since.IsZero() {
		query.Set("sinceTime", q.Since.UTC().Format(time.RFC3339))
	}
	if q.Most > 0 {
		query.Set("tailLines", strconv.Itoa(q.Most))
	}
	stream, err := c.stream(ctx, "api/v1/namespaces/"+c.namespace+"/pods/"+p.Metadata.Name+"/log", query)
	if apierrors.IsNotFound(err) { // it has gone since it was listed
		return nil
	}
	if err != nil {
		return fmt.Errorf("log of pod %s: %w", p.Metadata.Name, c.explain(pods, err))
	}
	defer stream.Close()
	function := p.Metadata.Labels[desired.LabelFunction]
	if container == desired.RoleDispatcher {
		function = ""
	}
	r := bufio.NewReaderSize(stream, 64<<10)
	for {
		line, err := readLine(r)
		if len(line) > 0 {
			at, text := stamped(line)
			yield(LogLine{Time: at, Function: function, Pod: p.Metadata.Name, Text: text})
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// readLine reads a line without its end; what is beyond maxLogLine is dropped.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := r.ReadLine()
		if len(line) < maxLogLine {
			line = append(line, part...)
		}
		if err != nil || !more {
			return line, err
		}
	}
}

// stamped takes off the time that Kubernetes puts before a line.
func stamped(line []byte) (time.Time, []byte) {
	for i, b := range line {
		if b != ' ' {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, string(line[:i])); err == nil {
			return t, append([]byte(nil), line[i+1:]...)
		}
		break
	}
	return time.Time{}, append([]byte(nil), line...)
}
