package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
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
	// Most lines that each container has had when it begins; 0 for all. Of
	// containers that come while logs are followed all lines are read.
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

// A reading is how far the log of a container has been read.
type reading struct {
	// due says that nobody reads it: it has just come, or broke off.
	due atomic.Bool
	// ended says that it was read to its end. Of a container that runs that is
	// none: so it looks if the kubelet went away.
	ended bool
	// most of its lines from before it was opened; 0 for all.
	most int
	// last is the time of the last line; zero before the first.
	last time.Time
}

// Logs reads lines of the mesh's pods until all are read or, if followed, ctx
// ends. Those of one container come in order. yield is called by one goroutine
// at a time. Sidecars of Knative and Dapr are left out. While logs are followed,
// what breaks off is taken up where it was; that the cluster refuses them is an
// error.
func (c *Cluster) Logs(ctx context.Context, q LogQuery, yield func(LogLine)) error {
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		errs    []error
		refused = make(chan error, 1)
		begun   = make(map[string]*reading) // by the container's id
	)
	ctx, stop := context.WithCancel(ctx)
	defer wg.Wait()
	defer stop()
	one := func(l LogLine) {
		mu.Lock()
		defer mu.Unlock()
		yield(l)
	}
	failed := func(r *reading, err error) {
		switch {
		case !q.Follow:
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			select {
			case refused <- err:
			default: // another container's is told
			}
		default:
			r.due.Store(true)
		}
	}
	labels := map[string]string{desired.LabelMesh: q.Mesh}
	if q.Function != "" {
		labels[desired.LabelFunction] = q.Function
	}
	look := func(most int) error {
		all, err := c.pods(ctx, labels)
		if err != nil {
			return err
		}
		for _, p := range all {
			for _, s := range p.Status.ContainerStatuses {
				id := s.ContainerID
				if id == "" || s.Name == "queue-proxy" || s.Name == "daprd" {
					continue
				}
				r := begun[id]
				if r == nil {
					r = &reading{most: most}
					r.due.Store(true)
					begun[id] = r
				}
				if !r.due.Load() || r.ended && s.State.Running == nil {
					continue
				}
				r.due.Store(false)
				r.ended = false
				wg.Go(func() {
					err := c.containerLog(ctx, p, s.Name, q, r, one)
					switch {
					case ctx.Err() != nil:
					case err != nil:
						failed(r, err)
					default:
						r.ended = true
						r.due.Store(true)
					}
				})
			}
		}
		return nil
	}
	if err := look(q.Most); err != nil {
		return err
	}
	for q.Follow {
		select {
		case <-ctx.Done():
			return nil
		case err := <-refused:
			return err
		case <-time.After(newPodsEvery):
		}
		var unreachable *url.Error
		if err := look(0); err != nil && ctx.Err() == nil && !errors.As(err, &unreachable) {
			return err
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// containerLog reads a container's log from where r is, and takes r along.
func (c *Cluster) containerLog(ctx context.Context, p *pod, container string, q LogQuery, r *reading, yield func(LogLine)) error {
	query := url.Values{"container": {container}, "timestamps": {"true"}}
	if q.Follow {
		query.Set("follow", "true")
	}
	from := r.last
	switch {
	case !from.IsZero(): // to the second, so lines that are known come once more
		query.Set("sinceTime", from.UTC().Format(time.RFC3339))
	case !q.Since.IsZero():
		query.Set("sinceTime", q.Since.UTC().Format(time.RFC3339))
	}
	if from.IsZero() && r.most > 0 {
		query.Set("tailLines", strconv.Itoa(r.most))
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
	lines := bufio.NewReaderSize(stream, 64<<10)
	known := !from.IsZero()
	for {
		line, err := readLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("log of pod %s: %w", p.Metadata.Name, err)
		}
		if len(line) > 0 {
			at, text := stamped(line)
			if known = known && !at.After(from); !known {
				yield(LogLine{Time: at, Function: function, Pod: p.Metadata.Name, Text: text})
			}
			if at.After(r.last) {
				r.last = at
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine reads a line without its end; what is beyond maxLogLine is dropped.
// With an error comes what there is of a line that has no end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) < maxLogLine {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
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
