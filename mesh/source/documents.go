package source

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// The kinds of documents that count; others are left to those they are for.
const (
	kindMesh         = v1beta1.Kind
	kindComponent    = "Component"
	kindSubscription = "Subscription"
	kindSecret       = "Secret"
	kindConfigMap    = "ConfigMap"
)

// apiVersions that Weft reads, by kind.
var apiVersions = map[string][]string{
	kindMesh:         {v1beta1.Group + "/" + v1beta1.Version},
	kindComponent:    {"dapr.io/v1alpha1"},
	kindSubscription: {"dapr.io/v2alpha1", "dapr.io/v1alpha1"},
	kindSecret:       {"v1"},
	kindConfigMap:    {"v1"},
}

// layer says where a document was read; a later one wins.
type layer int

const (
	layerMesh layer = iota
	layerResources
	layerLocal
)

// document is one YAML document of a kind that counts.
type document struct {
	*node
	kind, name string
	layer      layer
}

// documents sorts out what the files hold, layer over layer.
type documents struct {
	mesh     *node
	others   []document
	problems mesh.Problems
	// kinds of all documents of the mesh file, for the error that there is
	// no mesh.
	kinds []string
	// standing are the documents of the mesh file that can stand for a mesh.
	standing []*node
	// files that were read beside those that always are.
	files []string
	// overlays are the FunctionMesh documents of local/.
	overlays []document
}

func (ds *documents) fault(at place, path, format string, args ...any) *mesh.Problem {
	ds.problems = append(ds.problems, mesh.Problem{
		File: at.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
	return &ds.problems[len(ds.problems)-1]
}

func (ds *documents) add(n *node, in layer) {
	if n.kind != mapping {
		ds.fault(n.at, "", "%s is not a document: a document has apiVersion, kind and metadata", n.describe())
		return
	}
	d := document{node: n, kind: n.text("kind"), name: n.text("metadata", "name"), layer: in}
	if in == layerMesh {
		ds.kinds = append(ds.kinds, d.kind)
		if standsFor(n) != nil {
			ds.standing = append(ds.standing, n)
			return
		}
	}
	if d.kind == "" {
		ds.fault(n.locate("kind"), "kind", "is missing").Hint = "a mesh has kind: " + kindMesh
		return
	}
	if !ds.reads(d) {
		return
	}
	if d.name == "" && d.kind != kindMesh {
		ds.fault(n.locate("metadata.name"), "metadata.name", "the %s has no name", d.kind)
		return
	}
	switch {
	case d.kind != kindMesh:
		ds.addOther(d)
	case in == layerLocal:
		ds.overlays = append(ds.overlays, d)
	case ds.mesh != nil:
		ds.fault(n.locate("kind"), "kind", "a second %s; the first is in %s on line %d", kindMesh, ds.mesh.at.file, ds.mesh.at.line).Hint =
			"keep one mesh per file, each with its own weft up"
	default:
		ds.mesh = n
	}
}

// reads says whether a document is one of those that count, and reports the
// ones that nearly are.
func (ds *documents) reads(d document) bool {
	got := d.text("apiVersion")
	versions, known := apiVersions[d.kind]
	if !known {
		// Someone else's, unless it names our group or mistypes our kind.
		near := mesh.Nearest(d.kind, []string{kindMesh})
		if strings.HasPrefix(got, v1beta1.Group+"/") || near != "" && d.layer == layerMesh {
			ds.fault(d.locate("kind"), "kind", "there is no kind %q in %s", d.kind, v1beta1.Group).Hint = "write kind: " + kindMesh
		}
		return false
	}
	if slices.Contains(versions, got) {
		return true
	}
	if d.kind == kindSubscription && got != "" && !strings.HasPrefix(got, "dapr.io/") {
		return false // Knative Eventing, among others, has a Subscription too.
	}
	what := fmt.Sprintf("%q is not a version of %s that Weft reads", got, d.kind)
	if got == "" {
		what = "is missing"
	}
	ds.fault(d.locate("apiVersion"), "apiVersion", "%s", what).Hint = "write apiVersion: " + versions[0]
	return false
}

func (ds *documents) addOther(d document) {
	for i, o := range ds.others {
		if o.kind != d.kind || o.name != d.name {
			continue
		}
		if d.layer == layerLocal && o.layer != layerLocal {
			ds.others[i] = d
			return
		}
		ds.fault(d.locate("metadata.name"), "metadata.name", "a second %s %q; the first is in %s on line %d", d.kind, d.name, o.at.file, o.at.line)
		return
	}
	ds.others = append(ds.others, d)
}

// finish merges the overlays of local/ and reports what is missing.
func (ds *documents) finish(file string) {
	for _, n := range ds.standing {
		// Beside a mesh, a document of another kind is not ours.
		if ds.mesh != nil && n.find("kind") == nil {
			ds.fault(n.locate("kind"), "kind", "is missing").Hint = "a mesh has kind: " + kindMesh
		}
	}
	if ds.mesh == nil && len(ds.standing) > 0 {
		ds.stand()
		if ds.mesh == nil {
			return
		}
	}
	if ds.mesh == nil {
		if len(ds.problems) > 0 {
			return
		}
		what := "holds no document"
		if len(ds.kinds) > 0 {
			what = fmt.Sprintf("holds no %s, only %s", kindMesh, strings.Join(ds.kinds, ", "))
		}
		hint := "a mesh has apiVersion: " + apiVersions[kindMesh][0] + " and kind: " + kindMesh
		if filepath.Base(file) == FuncFile {
			hint = "a project of func has name and runtime: go"
		}
		ds.fault(place{file: file}, "", "%s", what).Hint = hint
		return
	}
	name := ds.mesh.text("metadata", "name")
	for _, o := range ds.overlays {
		if o.name != name {
			ds.fault(o.locate("metadata.name"), "metadata.name", "%q is not the mesh that this overrides, which is %q", o.name, name)
			continue
		}
		ds.mesh = overlay(ds.mesh, o.node, "")
	}
}

// overlay lays one tree over another: maps are merged key by key, the
// functions of a mesh by name; everything else is replaced.
func overlay(base, over *node, path string) *node {
	if path == "spec.functions" && base.kind == list && over.kind == list {
		merged := *base
		merged.items = slices.Clone(base.items)
		for _, item := range over.items {
			at := slices.IndexFunc(merged.items, func(n *node) bool { return n.text("name") == item.text("name") })
			if at < 0 {
				merged.items = append(merged.items, item)
				continue
			}
			merged.items[at] = overlay(merged.items[at], item, "")
		}
		return &merged
	}
	if base.kind != mapping || over.kind != mapping {
		return over
	}
	merged := *base
	merged.entries = slices.Clone(base.entries)
	for _, e := range over.entries {
		if under := base.find(e.key); under != nil {
			e.value = overlay(under, e.value, join(path, e.key))
		}
		merged.put(e)
	}
	return &merged
}

// component is a Dapr component as a document (dapr.io/v1alpha1).
type component struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Type         string              `json:"type"`
		Version      string              `json:"version"`
		IgnoreErrors bool                `json:"ignoreErrors"`
		InitTimeout  *metav1.Duration    `json:"initTimeout"`
		Metadata     []componentMetadata `json:"metadata"`
	} `json:"spec"`
	Auth struct {
		SecretStore string `json:"secretStore"`
	} `json:"auth"`
	Scopes []string `json:"scopes"`
}

type componentMetadata struct {
	Name         string                `json:"name"`
	Value        anyScalar             `json:"value"`
	SecretKeyRef *v1beta1.SecretKeyRef `json:"secretKeyRef"`
	EnvRef       string                `json:"envRef"`
}

func (c *component) inline() v1beta1.Component {
	out := v1beta1.Component{
		Name: c.Name, Type: c.Spec.Type, Version: c.Spec.Version, IgnoreErrors: c.Spec.IgnoreErrors,
		InitTimeout: c.Spec.InitTimeout, SecretStore: c.Auth.SecretStore, Scopes: c.Scopes,
	}
	for _, m := range c.Spec.Metadata {
		out.Metadata = append(out.Metadata, v1beta1.ComponentMetadata{
			Name: m.Name, Value: string(m.Value), SecretKeyRef: m.SecretKeyRef, EnvRef: m.EnvRef,
		})
	}
	return out
}

// Subscription is a Dapr subscription (dapr.io/v2alpha1; one of v1alpha1 has
// its route as the default one).
type Subscription struct {
	Name       string
	PubsubName string
	Topic      string
	// Route that events take by default, and what else is declared by rule.
	Route string
	Rules []SubscriptionRule
	// DeadLetterTopic takes what could not be delivered; "" for none.
	DeadLetterTopic string
	// Bulk says how many messages are delivered at once; nil for one.
	Bulk *BulkSubscribe
	// Metadata is for the pub/sub component.
	Metadata map[string]string
	// Scopes names the functions that the subscription is for; none means all.
	Scopes []string
	// At is the document's place, file:line.
	At string
}

// BulkSubscribe has messages delivered many at a time: as many as there are
// after MaxAwait, at most MaxMessages. Zero stands for Dapr's defaults, 100
// and one second.
type BulkSubscribe struct {
	MaxMessages int
	MaxAwait    time.Duration
}

// SubscriptionRule sends events for which Match, a CEL expression of Dapr's,
// is true to Path.
type SubscriptionRule struct {
	Match string `json:"match"`
	Path  string `json:"path"`
}

type subscription struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		PubsubName string `json:"pubsubname"`
		Topic      string `json:"topic"`
		Route      string `json:"route"`
		Routes     struct {
			Default string             `json:"default"`
			Rules   []SubscriptionRule `json:"rules"`
		} `json:"routes"`
		DeadLetterTopic string               `json:"deadLetterTopic"`
		Metadata        map[string]anyScalar `json:"metadata"`
		BulkSubscribe   struct {
			Enabled            bool  `json:"enabled"`
			MaxMessagesCount   int32 `json:"maxMessagesCount"`
			MaxAwaitDurationMs int32 `json:"maxAwaitDurationMs"`
		} `json:"bulkSubscribe"`
	} `json:"spec"`
	Scopes []string `json:"scopes"`
}

// decodeOthers decodes everything but the mesh into the bundle.
func (b *Bundle) decodeOthers(others []document, d *decoder) {
	for _, doc := range others {
		switch doc.kind {
		case kindComponent:
			var c component
			d.decode(doc.node, reflect.ValueOf(&c).Elem(), "")
			b.documents[doc.name] = doc
			b.Components = append(b.Components, c.inline())
		case kindSubscription:
			var s subscription
			d.decode(doc.node, reflect.ValueOf(&s).Elem(), "")
			out := Subscription{
				Name: s.Name, PubsubName: s.Spec.PubsubName, Topic: s.Spec.Topic,
				Route: s.Spec.Route, Rules: s.Spec.Routes.Rules, Scopes: s.Scopes,
				DeadLetterTopic: s.Spec.DeadLetterTopic, At: fmt.Sprintf("%s:%d", doc.at.file, doc.at.line),
			}
			if bulk := s.Spec.BulkSubscribe; bulk.Enabled {
				out.Bulk = &BulkSubscribe{MaxMessages: int(bulk.MaxMessagesCount), MaxAwait: time.Duration(bulk.MaxAwaitDurationMs) * time.Millisecond}
			}
			if len(s.Spec.Metadata) > 0 {
				out.Metadata = make(map[string]string, len(s.Spec.Metadata))
				for k, v := range s.Spec.Metadata {
					out.Metadata[k] = string(v)
				}
			}
			if s.Spec.Routes.Default != "" {
				out.Route = s.Spec.Routes.Default
			}
			b.subscribing[doc.name] = doc
			b.Subscriptions = append(b.Subscriptions, out)
		case kindSecret:
			var s corev1.Secret
			d.secret = true
			d.decode(doc.node, reflect.ValueOf(&s).Elem(), "")
			d.secret = false
			data := make(map[string][]byte, len(s.Data)+len(s.StringData))
			for k, v := range s.Data {
				data[k] = v
			}
			for k, v := range s.StringData {
				data[k] = []byte(v)
			}
			b.Secrets[doc.name] = data
		case kindConfigMap:
			var m corev1.ConfigMap
			d.decode(doc.node, reflect.ValueOf(&m).Elem(), "")
			data := make(map[string]string, len(m.Data)+len(m.BinaryData))
			for k, v := range m.BinaryData {
				data[k] = string(v)
			}
			for k, v := range m.Data {
				data[k] = v
			}
			b.ConfigMaps[doc.name] = data
		}
	}
}
