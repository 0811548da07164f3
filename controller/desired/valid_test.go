package desired_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	componentsv1alpha1 "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/config"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/controller/scheme"
)

// valid fails the test where an object is not what the API servers of
// Kubernetes, Knative and KEDA take.
func valid(t *testing.T, state desired.State) {
	t.Helper()
	known := scheme.New()
	strict := jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, known, known, jsonserializer.SerializerOptions{Strict: true})
	seen := make(map[string]bool)
	for _, obj := range state.Objects {
		clean, err := desired.Clean(obj)
		if err != nil {
			t.Fatal(err)
		}
		id := clean.GetKind() + "/" + clean.GetAPIVersion() + "/" + clean.GetName()
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		text, err := json.Marshal(clean)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := strict.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s: %v\n%s", id, err, text)
			continue
		}
		for _, fault := range faults(back) {
			t.Errorf("%s: %s\n%s", id, fault, text)
		}
	}
}

// faults are what is wrong with an object.
func faults(obj runtime.Object) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	meta := obj.(metav1.Object)
	label := func(what, value string) {
		for _, e := range validation.IsDNS1035Label(value) {
			say("%s %q: %s", what, value, e)
		}
	}
	for _, e := range validation.IsDNS1123Subdomain(meta.GetName()) {
		say("name: %s", e)
	}
	for k, v := range meta.GetLabels() {
		for _, e := range append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...) {
			say("label %s=%s: %s", k, v, e)
		}
	}
	if meta.GetLabels()[desired.LabelMesh] == "" {
		say("it has no label %s", desired.LabelMesh)
	}
	if meta.GetNamespace() == "" {
		say("it has no namespace")
	}
	ctx := knative()
	switch o := obj.(type) {
	case *servingv1.Service:
		label("name", o.Name)
		o.SetDefaults(ctx)
		if err := o.Validate(ctx); err != nil {
			say("%v", err)
		}
		pod(&o.Spec.Template.Spec.PodSpec, say)
		for _, target := range o.Spec.Traffic {
			if target.Tag != "" {
				label("host", target.Tag+"-"+o.Name)
			}
		}
	case *servingv1.Configuration:
		label("name", o.Name)
		label("revision", o.Spec.Template.Name)
		o.SetDefaults(ctx)
		if err := o.Validate(ctx); err != nil {
			say("%v", err)
		}
		pod(&o.Spec.Template.Spec.PodSpec, say)
	case *appsv1.Deployment:
		label("name", o.Name)
		if o.Spec.Replicas != nil {
			say("who scales sets spec.replicas")
		}
		selector, err := metav1.LabelSelectorAsSelector(o.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(o.Spec.Template.Labels)) {
			say("its selector does not select its pods")
		}
		pod(&o.Spec.Template.Spec, say)
	case *corev1.Service:
		label("name", o.Name)
	case *corev1.ConfigMap:
		for k := range o.Data {
			for _, e := range validation.IsConfigMapKey(k) {
				say("key %s: %s", k, e)
			}
		}
	case *componentsv1alpha1.Component:
		for _, m := range o.Spec.Metadata {
			if m.Value.String() != "" && m.SecretKeyRef.Name != "" {
				say("%s has a value and a reference", m.Name)
			}
		}
	case *kedav1alpha1.ScaledObject:
		scaledObject(o, say)
	}
	return out
}

// scaledObject does what KEDA's admission webhook does that needs no cluster.
func scaledObject(o *kedav1alpha1.ScaledObject, say func(string, ...any)) {
	for _, err := range []error{
		kedav1alpha1.CheckReplicaCountBoundsAreValid(o), kedav1alpha1.CheckFallbackValid(o), kedav1alpha1.ValidateTriggers(o.Spec.Triggers),
	} {
		if err != nil {
			say("%v", err)
		}
	}
	if n := len("keda-hpa-" + o.Name); n > 63 {
		say("the name of its HPA has %d characters", n)
	}
	wakes := false
	for _, trigger := range o.Spec.Triggers {
		wakes = wakes || trigger.Type != "cpu" && trigger.Type != "memory"
		if trigger.Name == "" {
			say("a %s trigger has no name", trigger.Type)
		}
	}
	if !wakes && (o.Spec.MinReplicaCount == nil || *o.Spec.MinReplicaCount == 0) {
		say("cpu and memory alone wake nobody, and the minimum is 0")
	}
}

// pod checks what the restricted profile asks, and that mounts and volumes fit.
func pod(p *corev1.PodSpec, say func(string, ...any)) {
	volumes := make(map[string]bool)
	for _, v := range p.Volumes {
		for _, e := range validation.IsDNS1123Label(v.Name) {
			say("volume %s: %s", v.Name, e)
		}
		if volumes[v.Name] {
			say("volume %s is there twice", v.Name)
		}
		volumes[v.Name] = true
	}
	if len(p.Containers) == 1 && p.Containers[0].Name == "function" && len(volumes) > 0 {
		say("a function's pod has volumes %v, for which its cold starts would wait", p.Volumes)
	}
	for _, c := range p.Containers {
		s := c.SecurityContext
		if s == nil || !*s.RunAsNonRoot || *s.AllowPrivilegeEscalation ||
			s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
			say("container %s is not restricted", c.Name)
		}
		// A function writes to its image's own /tmp, where others have a volume.
		if own := c.Name == "function"; (s.ReadOnlyRootFilesystem == nil) != own || own && len(c.VolumeMounts) > 0 {
			say("container %s has a root file system, or mounts, that it should not have", c.Name)
		}
		if c.Image == "" {
			say("container %s has no image", c.Name)
		}
		names := make(map[string]int)
		for i, v := range c.Env {
			if _, twice := names[v.Name]; twice {
				say("%s is set twice", v.Name)
			}
			names[v.Name] = i
		}
		for i, v := range c.Env {
			if _, used, ok := strings.Cut(v.Value, "$("); ok {
				used, _, _ = strings.Cut(used, ")")
				if at, set := names[used]; !set || at > i {
					say("%s uses $(%s), which is not set before it", v.Name, used)
				}
			}
		}
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				say("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
	}
}

// knative is the context of Knative's webhook with its default settings, but for
// what a state of these tests says the cluster allows.
func knative() context.Context {
	defaults := config.FromContextOrDefaults(context.Background())
	defaults.Autoscaler.AllowZeroInitialScale = true
	defaults.Features.PodSpecFieldRef = config.Enabled // there is a note of what needs it
	return apis.WithinCreate(config.ToContext(context.Background(), defaults))
}
