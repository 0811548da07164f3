package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	// Function in kebab-case; "" for all, front and dispatchers included.
	Function string
	Follow   bool
	Since    time.Duration
}

// LogLine is one line of a container.
type LogLine struct {
	Time time.Time
	// Function in kebab-case, "" for front and dispatchers; Role is front,
	// dispatcher or function.
	Function, Role, Pod string
	Text                []byte
}

// Logs reads lines of the mesh's pods until all are read or, if followed, ctx
// ends. yield is called by one goroutine at a time.
func (c *Cluster) Logs(ctx context.Context, q LogQuery, yield func(LogLine)) error {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		errs  []error
		begun = make(map[string]bool)
	)
	defer wg.Wait()
	one := func(l LogLine) {
		mu.Lock()
		defer mu.Unlock()
		yield(l)
	}
	labels := client.MatchingLabels{desired.LabelMesh: q.Mesh}
	if q.Function != "" {
		labels[desired.LabelFunction] = q.Function
	}
	look := func() error {
		pods := &corev1.PodList{}
		if err := c.client.List(ctx, pods, client.InNamespace(c.namespace), labels); err != nil {
			return c.explain(err)
		}
		for i := range pods.Items {
			p := &pods.Items[i]
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

func (c *Cluster) containerLog(ctx context.Context, p *corev1.Pod, container string, q LogQuery, yield func(LogLine)) error {
	opts := &corev1.PodLogOptions{Container: container, Follow: q.Follow, Timestamps: true}
	if q.Since > 0 {
		opts.SinceTime = &metav1.Time{Time: time.Now().Add(-q.Since)}
	}
	stream, err := c.set.CoreV1().Pods(c.namespace).GetLogs(p.Name, opts).Stream(ctx)
	if err != nil {
		return fmt.Errorf("log of pod %s: %w", p.Name, c.explain(err))
	}
	defer stream.Close()
	role := p.Labels[desired.LabelRole]
	if container == desired.RoleDispatcher {
		role = desired.RoleDispatcher
	}
	r := bufio.NewReaderSize(stream, 64<<10)
	for {
		line, err := readLine(r)
		if len(line) > 0 {
			at, text := stamped(line)
			yield(LogLine{Time: at, Function: p.Labels[desired.LabelFunction], Role: role, Pod: p.Name, Text: text})
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
