package desired

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
)

const (
	kindState       = "state."
	kindBinding     = "bindings."
	settingPrefix   = "keyPrefix"
	daprMetricsPort = "19090"
)

// inline says whether the mesh itself declares a component.
func (b *builder) inline(name string) bool {
	return slices.ContainsFunc(b.plan.Mesh.Spec.Components, func(c v1beta1.Component) bool { return c.Name == name })
}

// foreign says whether a component is someone else's: it is used as it is.
func (b *builder) foreign(name string) bool { return b.found.Components[name] || !b.inline(name) }

// componentPath is where the mesh says what a component is.
func (b *builder) componentPath(name string) string {
	i := slices.IndexFunc(b.plan.Mesh.Spec.Components, func(c v1beta1.Component) bool { return c.Name == name })
	if i < 0 {
		return mesh.PathOfComponent(name)
	}
	return fmt.Sprintf("spec.components[%d]", i)
}

// uses are the components that a function reaches by its sidecar. A broker
// without scopes carries links, which need no sidecar.
func (b *builder) uses(f *mesh.Function) []string {
	var names []string
	for _, name := range slices.Concat(f.State, f.Bindings, f.PubSubs, f.SecretStores) {
		c := b.plan.Components[name]
		links := name == b.plan.Broker && len(c.Scopes) == 0
		if c.Type != mesh.TypeEmbedded && !links {
			names = append(names, name)
		}
	}
	return names
}

// frontUses are the components whose topics and input bindings the front
// listens to.
func (b *builder) frontUses() []string {
	var names []string
	for _, f := range b.plan.Functions {
		for _, t := range f.Triggers {
			name := t.Component
			if t.Type == v1beta1.TriggerPubSub {
				name = b.plan.TopicOf(t)
			}
			if (t.Type == v1beta1.TriggerPubSub || t.Type == v1beta1.TriggerBinding) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// sidecar says whether the function's pods have Dapr in them.
func (b *builder) sidecar(f *mesh.Function) bool { return b.settings.Has.Dapr && len(b.uses(f)) > 0 }

// components desires the Dapr components that the mesh declares and something
// uses, each for those alone.
func (b *builder) components() {
	apps := make(map[string][]string)
	for _, f := range b.plan.Functions {
		used := b.uses(f)
		for _, name := range used {
			apps[name] = append(apps[name], f.Service)
		}
		if len(used) > 0 && !b.settings.Has.Dapr {
			b.note(Note{Function: f.Name, Type: TypeDaprInstalled, Reason: "NoSidecar", Blocking: true,
				Message: "it uses " + list(used) + " by Dapr, and the cluster does not know the kind Component of dapr.io/v1alpha1; " + installDapr})
		}
		b.embedded(f)
	}
	for _, name := range b.frontUses() {
		apps[name] = append(apps[name], FrontName(b.plan.Name))
	}
	if len(b.frontUses()) > 0 && !b.settings.Has.Dapr {
		b.note(Note{Type: TypeDaprInstalled, Reason: "NoSidecar", Blocking: true,
			Message: "triggers use " + list(b.frontUses()) + " by Dapr, and the cluster does not know the kind Component of dapr.io/v1alpha1; " + installDapr})
	}
	for _, c := range b.sortedComponents() {
		switch users := apps[c.Name]; {
		case len(users) == 0:
		case b.foreign(c.Name):
			b.asItIs(c, users)
		case b.settings.Has.Dapr:
			obj := b.component(c)
			obj.ObjectMeta = b.meta(c.Name, "", nil)
			obj.Scopes = users
			b.shareState(&obj.Spec)
			b.add(obj)
		}
	}
}

// embedded notes a function that asks for the store that an engine on one
// machine has.
func (b *builder) embedded(f *mesh.Function) {
	for i, name := range f.Spec.State {
		if b.plan.Components[name].Type == mesh.TypeEmbedded {
			b.note(Note{Function: f.Name, Path: fmt.Sprintf("%s[%d]", at(f, "state"), i), Type: TypeComponentsReady, Reason: "NoStore", Blocking: true,
				Message: "a cluster has no store of its own for " + name + "; declare a component of that name, such as a state.redis"})
		}
	}
}

// asItIs notes what a component of someone else's does otherwise.
func (b *builder) asItIs(c v1beta1.Component, users []string) {
	path := b.componentPath(c.Name)
	if b.inline(c.Name) {
		b.note(Note{Path: path, Type: TypeComponentsReady, Reason: "OwnedByOthers",
			Message: "there is a Component " + c.Name + " that is not the mesh's: it is used as it is; rename one of the two"})
	}
	if len(c.Scopes) > 0 {
		var out []string
		for _, app := range users {
			if !slices.Contains(c.Scopes, app) {
				out = append(out, app)
			}
		}
		if len(out) > 0 {
			b.note(Note{Path: path, Type: TypeComponentsReady, Reason: "OutOfScope",
				Message: "Dapr knows functions by app id, and the scopes of " + c.Name + " leave out " + list(out) + "; add them"})
		}
	}
	if strings.HasPrefix(c.Type, kindState) && len(users) > 1 && !hasSetting(c, settingPrefix) {
		b.note(Note{Path: path, Type: TypeComponentsReady, Reason: "StateApart",
			Message: c.Name + " sets no " + settingPrefix + ", so each function has keys of its own; to share them, set it to " + b.plan.Name})
	}
}

func hasSetting(c v1beta1.Component, name string) bool {
	return slices.ContainsFunc(c.Metadata, func(m v1beta1.ComponentMetadata) bool { return strings.EqualFold(m.Name, name) })
}

// shareState has the functions of a mesh share the keys of a store, as they do
// on one machine; Dapr's default is a prefix for each.
func (b *builder) shareState(spec *kinds.ComponentSpec) {
	if !strings.HasPrefix(spec.Type, kindState) ||
		slices.ContainsFunc(spec.Metadata, func(m kinds.Setting) bool { return strings.EqualFold(m.Name, settingPrefix) }) {
		return
	}
	spec.Metadata = append(spec.Metadata, kinds.Setting{Name: settingPrefix, Value: &b.plan.Name})
}

// component is a component as Dapr has it.
func (b *builder) component(c v1beta1.Component) *kinds.Component {
	obj := &kinds.Component{TypeMeta: typeMeta(kinds.DaprAPI, "Component")}
	obj.Spec = kinds.ComponentSpec{
		Type: c.Type, Version: c.Version, IgnoreErrors: c.IgnoreErrors, Metadata: []kinds.Setting{},
	}
	if c.InitTimeout != nil {
		obj.Spec.InitTimeout = c.InitTimeout.Duration.String()
	}
	if c.SecretStore != "" {
		obj.Auth = &kinds.ComponentAuth{SecretStore: c.SecretStore}
	}
	for _, m := range c.Metadata {
		p := kinds.Setting{Name: m.Name, EnvRef: m.EnvRef}
		switch {
		case m.SecretKeyRef != nil:
			p.SecretKeyRef = &kinds.SecretKey{Name: m.SecretKeyRef.Name, Key: m.SecretKeyRef.Key}
			if p.SecretKeyRef.Key == "" {
				p.SecretKeyRef.Key = m.SecretKeyRef.Name
			}
		case m.EnvRef == "":
			p.Value = &m.Value
		}
		obj.Spec.Metadata = append(obj.Spec.Metadata, p)
	}
	return obj
}

// daprAnnotations have Dapr put its sidecar into a function's pods; nil if it
// needs none.
func (b *builder) daprAnnotations(f *mesh.Function) map[string]string {
	if !b.sidecar(f) {
		return nil
	}
	return b.sidecarAnnotations(f.Service, portOf(f), f.KubeName)
}

// frontSidecar is that of the front, which listens to topics and input bindings
// for all functions.
func (b *builder) frontSidecar() map[string]string {
	if len(b.frontUses()) == 0 || !b.settings.Has.Dapr {
		return nil
	}
	return b.sidecarAnnotations(FrontName(b.plan.Name), portSink, RoleFront)
}

// sidecarAnnotations are for the injector. The token is both ways: daprd asks it
// of the function, and shows it to the function. The annotations for that
// (api-token-secret, app-token-secret) want a Secret for each app.
//
// The function's container starts once daprd runs (a native sidecar), and the pod
// is ready only when both are. Its port of metrics is Knative's queue-proxy's by
// default. The request for CPU lets an HPA work, which wants one of each
// container. Nothing reads the cluster's Secrets by way of a sidecar: daprd gets
// those of its components from its operator.
func (b *builder) sidecarAnnotations(app string, port int32, token string) map[string]string {
	secret := TokensName(b.plan.Name) + ":" + token
	return map[string]string{
		"dapr.io/enabled":                          "true",
		"dapr.io/app-id":                           app,
		"dapr.io/app-port":                         portText(port),
		"dapr.io/app-protocol":                     "http",
		"dapr.io/enable-native-sidecar":            "true",
		"dapr.io/metrics-port":                     daprMetricsPort,
		"dapr.io/log-as-json":                      "true",
		"dapr.io/env-from-secret":                  "APP_API_TOKEN=" + secret + ",DAPR_API_TOKEN=" + secret,
		"dapr.io/disable-builtin-k8s-secret-store": "true",
		"dapr.io/sidecar-cpu-request":              "25m",
		"dapr.io/sidecar-memory-request":           "64Mi",
	}
}
