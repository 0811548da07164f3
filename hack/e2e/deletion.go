package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// goneWithin is how long anything may be left of a mesh that was deleted.
const goneWithin = time.Minute

// deletion deletes the article's mesh, and looks for its label on objects of
// every kind that the cluster has.
func deletion(ctx context.Context, e *env) error {
	before, err := e.labelled(ctx, article)
	if err != nil {
		return err
	}
	if len(before) == 0 {
		return fmt.Errorf("nothing has the label of %s to begin with", article)
	}
	file, err := e.articleDir("file-one.yaml", nil)
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := e.weft(ctx, "delete", "--cluster", "--file", file, "-n", e.namespace); err != nil {
		return err
	}
	told := time.Since(start)
	_, err = await(ctx, goneWithin-told, func(ctx context.Context) (bool, string, error) {
		left, err := e.labelled(ctx, article)
		return err == nil && len(left) == 0, "there are still " + strings.Join(left, ", "), err
	})
	if err != nil {
		return err
	}
	e.figure("deletion_seconds", seconds(time.Since(start)), fmt.Sprintf("from weft delete until none of %d objects was left; at most %g", len(before), goneWithin.Seconds()))
	return nil
}

// labelled are the objects with a mesh's label, of every kind, as KIND/NAME.
func (e *env) labelled(ctx context.Context, mesh string) ([]string, error) {
	out, err := e.kubectl(ctx, "api-resources", "--namespaced", "--verbs=list", "-o", "name")
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, kind := range strings.Fields(string(out)) {
		// Measurements of pods are no objects.
		if !strings.HasSuffix(kind, ".metrics.k8s.io") && kind != "events" && kind != "events.events.k8s.io" {
			kinds = append(kinds, kind)
		}
	}
	out, err = e.kubectl(ctx, "get", strings.Join(kinds, ","), "-l", "weft.dev/mesh="+mesh, "-o", "name", "--ignore-not-found")
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}
