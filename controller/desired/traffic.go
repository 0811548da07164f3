package desired

import (
	"encoding/json"
	"fmt"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
)

// traffic desires a revision for each image of a function's traffic, and gives
// the shares of its Service; nil for a function without.
//
// A Service makes its revisions of one template. To have one for another image
// of it, the template would have to be changed there and back, each time waiting
// for the revision: that is no state that can be printed, or applied twice. So
// each further image has a Configuration of its own, beside the one that belongs
// to the Service, with a named revision, and the Service's traffic names that.
//
//   - The Service stays what it was: the function's address, and its own image,
//     do not change when shares come and go.
//   - Nothing depends on an order. Until a revision is ready, the Route goes on
//     with the shares that it has, and the Service says why.
//   - Knative lets a Service's Route name revisions only that carry the Service's
//     label (knative.dev/serving/pkg/reconciler/route/traffic). It takes it from
//     the template, where the Configuration has none; K_SERVICE comes from it too,
//     and so is that of the function.
//   - A Configuration may not change its template and keep the revision's name.
//     The name ends in a hash of the template, so it changes with it.
func (b *builder) traffic(f *mesh.Function) []kinds.TrafficTarget {
	if len(f.Spec.Traffic) == 0 {
		return nil
	}
	rest := int64(100)
	var targets []kinds.TrafficTarget
	for i, t := range f.Spec.Traffic {
		revision := b.revision(f, t)
		rest -= int64(t.Percent)
		targets = append(targets, kinds.TrafficTarget{
			RevisionName: revision, LatestRevision: ptr(false), Percent: ptr(int64(t.Percent)), Tag: b.tag(f, i, t.Tag),
		})
	}
	latest := kinds.TrafficTarget{LatestRevision: ptr(true), Percent: ptr(rest)}
	return append([]kinds.TrafficTarget{latest}, targets...)
}

// revision desires the Configuration of an image, and gives the name of its
// revision.
func (b *builder) revision(f *mesh.Function, t v1beta1.TrafficTarget) string {
	suffix := t.Tag
	if suffix == "" {
		suffix = shortHash(t.Image)
	}
	// No name of a function has two dashes in a row, so none is like this one.
	const hash = 1 + 8
	name := shorten(f.Service+"--"+suffix, maxName-hash)
	template := b.template(f, t.Image)
	template.Labels[kinds.LabelService] = f.Service
	text, err := json.Marshal(template)
	if err != nil {
		panic(err) // it is made of plain values
	}
	template.Name = name + "-" + shortHash(string(text))
	c := &kinds.Configuration{TypeMeta: typeMeta(kinds.KnativeAPI, "Configuration"), ObjectMeta: b.meta(name, RoleFunction, f)}
	c.Spec.Template = template
	b.add(c)
	return template.Name
}

// tag leaves out what makes no name of a host: Knative puts it before that of the
// Service.
func (b *builder) tag(f *mesh.Function, i int, tag string) string {
	if len(tag)+1+len(f.Service) <= maxName {
		return tag
	}
	b.note(Note{Function: f.Name, Path: fmt.Sprintf("%s[%d].tag", at(f, "traffic"), i), Type: TypeTrafficHonoured, Reason: "TagTooLong",
		Message: fmt.Sprintf("%s-%s is no name of a host, as it is longer than %d characters: the revision gets its share, and no address of its own; shorten the tag", tag, f.Service, maxName)})
	return ""
}
