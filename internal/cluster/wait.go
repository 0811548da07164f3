package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
)

// pollEvery is how often a mesh is read while one waits for it, and podsEvery
// how many times that its pods are.
const (
	pollEvery = 500 * time.Millisecond
	podsEvery = 6
)

// NotReadyError says what a mesh lacks.
type NotReadyError struct {
	Mesh, Reason string
	// Functions that are not ready, each with why.
	Functions []Missing
}

// Missing is why one function is not ready.
type Missing struct{ Function, Reason string }

func (e *NotReadyError) Error() string { return e.Mesh + " is not ready: " + e.Reason }

// Wait returns once the mesh is ready in its present generation. say is told
// what has changed of a function, or of the mesh (""), in words. A
// *NotReadyError says what is missing when ctx ends, or when the mesh is of no
// use as it is.
func (c *Cluster) Wait(ctx context.Context, name string, say func(function, text string)) (*v1beta1.FunctionMesh, error) {
	told := make(map[string]string)
	tell := func(function, text string) {
		if text != "" && told[function] != text {
			told[function] = text
			say(function, text)
		}
	}
	var last *v1beta1.FunctionMesh
	var stuck map[string]string
	polls := 0
	err := poll(ctx, func() (bool, error) {
		fm, err := c.Mesh(ctx, name)
		if err != nil {
			return false, err
		}
		last = fm
		if polls++; polls%podsEvery == 0 {
			stuck, _ = c.Stuck(ctx, name) // who may not read pods is told what the controller says
		}
		if fm.Status.ObservedGeneration < fm.Generation {
			return false, nil
		}
		if meta.IsStatusConditionFalse(fm.Status.Conditions, "Valid") {
			return false, missing(fm, stuck)
		}
		for _, f := range fm.Status.Functions {
			tell(f.Name, stateOf(f, stuck))
		}
		ready := meta.FindStatusCondition(fm.Status.Conditions, "Ready")
		if ready == nil || ready.Status != metav1.ConditionTrue {
			if ready != nil && len(missing(fm, stuck).Functions) == 0 {
				tell("", ready.Message) // it is not for the functions
			}
			return false, nil
		}
		return true, nil
	})
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && last != nil {
		return last, missing(last, stuck)
	}
	return last, err
}

// stateOf says how a function is. What holds up its pods says more than that it
// is waited for.
func stateOf(f v1beta1.FunctionStatus, stuck map[string]string) string {
	switch why := stuck[Label(f.Name)]; {
	case f.Ready:
		return "ready"
	case why != "":
		return why
	case f.Message == "":
		return f.Reason
	case f.Reason == "":
		return f.Message
	}
	return f.Reason + ": " + f.Message
}

// missing says why a mesh is not ready.
func missing(fm *v1beta1.FunctionMesh, stuck map[string]string) *NotReadyError {
	e := &NotReadyError{Mesh: fm.Name}
	if fm.Status.ObservedGeneration < fm.Generation {
		e.Reason = "the controller has not looked at it; is it running? kubectl get pods -n weft-system"
		return e
	}
	e.Reason = "the controller says nothing of it"
	if ready := meta.FindStatusCondition(fm.Status.Conditions, "Ready"); ready != nil {
		e.Reason = ready.Message
	}
	for _, f := range fm.Status.Functions {
		if !f.Ready {
			e.Functions = append(e.Functions, Missing{f.Name, strings.TrimSpace(stateOf(f, stuck))})
		}
	}
	return e
}

// poll calls done, at once and then each pollEvery, until it says so or fails. A
// cluster that does not answer, as while its API server starts anew, is asked
// again until ctx ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := done()
		var unreachable *url.Error
		if ok || err != nil && !errors.As(err, &unreachable) {
			return err
		}
		select {
		case <-ctx.Done():
			if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
				return fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
