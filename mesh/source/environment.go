package source

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Environment resolves what a function's envFrom declares, by name, and then
// its env, in its order, as NAME=value: values with $(NAME) expanded as Kubernetes does, references to
// secrets, config maps, fields and resources replaced by what they name.
//
// lookup finds variables that the engine sets, for $(NAME); variables declared
// earlier win over them. It may be nil. The error joins all references that
// cannot be resolved.
func (b *Bundle) Environment(f *mesh.Function, lookup func(string) (string, bool)) ([]string, error) {
	env, problems := b.environment(f, lookup)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return env, nil
}

// CheckReferences reports each reference of the mesh to a secret or config map
// that no document declares: what stops functions from starting here, though
// not on a cluster that has them.
func (b *Bundle) CheckReferences() mesh.Problems {
	if b.Plan == nil {
		return nil
	}
	var problems mesh.Problems
	for _, f := range b.Plan.Functions {
		_, found := b.environment(f, nil)
		problems = append(problems, found...)
		for i, t := range f.Triggers {
			problems = append(problems, b.checkAuth(t.Auth, fmt.Sprintf("spec.functions[%d].triggers[%d].auth", f.Index, i))...)
		}
	}
	problems = append(problems, b.checkComponents()...)
	problems.Sort()
	return problems
}

func (b *Bundle) checkAuth(a *v1beta1.Auth, path string) mesh.Problems {
	var problems mesh.Problems
	if a == nil {
		return nil
	}
	if a.JWT != nil && a.JWT.Secret != nil {
		if _, p := b.secret(a.JWT.Secret.Name, a.JWT.Secret.Key); p != nil {
			problems = append(problems, b.problem(path+".jwt.secret", "%s", p.Message).With(p.Hint))
		}
	}
	if a.APIKey != nil && b.Secrets[a.APIKey.Secret.Name] == nil {
		problems = append(problems, b.problem(path+".apiKey.secret", "there is no Secret %q", a.APIKey.Secret.Name).With(whereTo(kindSecret)))
	}
	return problems
}

// checkComponents looks at the secrets of components that read Kubernetes
// secrets; other secret stores are the component's own affair.
func (b *Bundle) checkComponents() mesh.Problems {
	var problems mesh.Problems
	for _, c := range b.Components {
		if c.SecretStore != "" && c.SecretStore != "kubernetes" {
			continue
		}
		path := b.pathOf(c.Name)
		for i, m := range c.Metadata {
			if m.SecretKeyRef == nil {
				continue
			}
			// Dapr takes the secret's name for a key that is left out.
			key := m.SecretKeyRef.Key
			if key == "" {
				key = m.SecretKeyRef.Name
			}
			if _, p := b.secret(m.SecretKeyRef.Name, key); p != nil {
				problems = append(problems, b.problem(fmt.Sprintf("%s.metadata[%d].secretKeyRef", path, i),
					"component %s, %s: %s", c.Name, m.Name, p.Message).With(p.Hint))
			}
		}
	}
	return problems
}

func (b *Bundle) environment(f *mesh.Function, lookup func(string) (string, bool)) ([]string, mesh.Problems) {
	known := make(map[string]string, len(f.Env))
	env, problems := b.envFrom(f, known)
	for i, v := range f.Env {
		value, set := expand(v.Value, known, lookup), true
		if v.ValueFrom != nil {
			var p *mesh.Problem
			value, set, p = b.valueFrom(f, v.ValueFrom)
			if p != nil {
				path := fmt.Sprintf("spec.functions[%d].env[%d].valueFrom", f.Index, i)
				problems = append(problems, b.problem(path, "function %s, variable %s: %s", f.Name, v.Name, p.Message).With(p.Hint))
			}
		}
		if !set {
			continue
		}
		// A later entry of the same name replaces the earlier one.
		if _, twice := known[v.Name]; twice {
			env = slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, v.Name+"=") })
		}
		known[v.Name] = value
		env = append(env, v.Name+"="+value)
	}
	return env, problems
}

// envFrom resolves the Secrets and ConfigMaps whose keys are variables, and
// notes these in known. Keys that cannot be names of variables are passed over
// (Kubernetes' rule for envFrom).
func (b *Bundle) envFrom(f *mesh.Function, known map[string]string) ([]string, mesh.Problems) {
	var problems mesh.Problems
	for i, from := range f.Spec.EnvFrom {
		var kind, name string
		var optional *bool
		var ok bool
		set := func(key, value string) {
			if key = from.Prefix + key; len(validation.IsEnvVarName(key)) == 0 {
				known[key] = value
			}
		}
		switch {
		case from.SecretRef != nil:
			var data map[string][]byte
			kind, name, optional = kindSecret, from.SecretRef.Name, from.SecretRef.Optional
			data, ok = b.Secrets[name]
			for k, v := range data {
				set(k, string(v))
			}
		case from.ConfigMapRef != nil:
			var data map[string]string
			kind, name, optional = kindConfigMap, from.ConfigMapRef.Name, from.ConfigMapRef.Optional
			data, ok = b.ConfigMaps[name]
			for k, v := range data {
				set(k, v)
			}
		}
		if !ok && (optional == nil || !*optional) {
			problems = append(problems, b.problem(fmt.Sprintf("spec.functions[%d].envFrom[%d]", f.Index, i),
				"function %s: there is no %s %q", f.Name, kind, name).With(whereTo(kind)))
		}
	}
	env := make([]string, 0, len(known)+len(f.Env))
	for _, name := range slices.Sorted(maps.Keys(known)) {
		env = append(env, name+"="+known[name])
	}
	return env, problems
}

// valueFrom resolves one reference; set is false for an optional one that
// names nothing.
func (b *Bundle) valueFrom(f *mesh.Function, from *corev1.EnvVarSource) (value string, set bool, p *mesh.Problem) {
	switch {
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		data, p := b.secret(ref.Name, ref.Key)
		if p != nil && ref.Optional != nil && *ref.Optional {
			return "", false, nil
		}
		return string(data), p == nil, p
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		value, ok := b.ConfigMaps[ref.Name][ref.Key]
		if !ok && (ref.Optional == nil || !*ref.Optional) {
			return "", false, missing(kindConfigMap, ref.Name, ref.Key, b.ConfigMaps[ref.Name])
		}
		return value, ok, nil
	case from.FieldRef != nil:
		switch from.FieldRef.FieldPath {
		case "metadata.name":
			return f.Service, true, nil
		case "metadata.namespace":
			return b.Plan.Namespace, true, nil
		}
		return "", false, &mesh.Problem{
			Message: fmt.Sprintf("the field %s exists on a cluster only", from.FieldRef.FieldPath),
			Hint:    "metadata.name and metadata.namespace can be had locally too",
		}
	case from.ResourceFieldRef != nil:
		value, err := resourceField(f, from.ResourceFieldRef)
		if err != nil {
			return "", false, &mesh.Problem{Message: err.Error()}
		}
		return value, true, nil
	}
	return "", false, &mesh.Problem{Message: "valueFrom names nothing", Hint: "give it a secretKeyRef or a configMapKeyRef"}
}

func (b *Bundle) secret(name, key string) ([]byte, *mesh.Problem) {
	data, ok := b.Secrets[name][key]
	if !ok {
		return nil, missing(kindSecret, name, key, b.Secrets[name])
	}
	return data, nil
}

func missing[V any](kind, name, key string, data map[string]V) *mesh.Problem {
	if data == nil {
		return &mesh.Problem{Message: fmt.Sprintf("there is no %s %q (key %q)", kind, name, key), Hint: whereTo(kind)}
	}
	keys := make([]string, 0, len(data))
	for k := range data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	p := &mesh.Problem{Message: fmt.Sprintf("the %s %q has no key %q", kind, name, key)}
	if near := mesh.Nearest(key, keys); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(keys) > 0 {
		p.Hint = "its keys are " + strings.Join(keys, ", ")
	}
	return p
}

func whereTo(kind string) string {
	dir := dirResources
	if kind == kindSecret {
		dir = dirLocal
	}
	return fmt.Sprintf("put a document of kind %s into a file in %s/ beside the mesh", kind, dir)
}

// expand replaces $(NAME) by the variable's value. $$ stands for $, and a
// reference to what is not known stays as it is (Kubernetes' rule for env).
func expand(s string, known map[string]string, lookup func(string) (string, bool)) string {
	var out strings.Builder
	for {
		at := strings.IndexByte(s, '$')
		if at < 0 || at == len(s)-1 {
			return out.String() + s
		}
		out.WriteString(s[:at])
		s = s[at:]
		end := strings.IndexByte(s, ')')
		switch {
		case s[1] == '$':
			out.WriteByte('$')
			s = s[2:]
		case s[1] == '(' && end > 0:
			name := s[2:end]
			value, ok := known[name]
			if !ok && lookup != nil {
				value, ok = lookup(name)
			}
			if !ok {
				value = s[:end+1]
			}
			out.WriteString(value)
			s = s[end+1:]
		default:
			out.WriteString(s[:1])
			s = s[1:]
		}
	}
}

// resourceField gives limits.memory and the like in units of the divisor,
// rounded up, as the downward API does.
func resourceField(f *mesh.Function, ref *corev1.ResourceFieldSelector) (string, error) {
	group, name, _ := strings.Cut(ref.Resource, ".")
	var from corev1.ResourceList
	switch group {
	case "limits":
		from = f.Resources.Limits
	case "requests":
		from = f.Resources.Requests
	}
	q, ok := from[corev1.ResourceName(name)]
	if !ok {
		return "", fmt.Errorf("the function declares no resources.%s", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	if divisor.Sign() < 0 {
		return "", errors.New("the divisor is negative")
	}
	return fmt.Sprint(int64(math.Ceil(q.AsApproximateFloat64() / divisor.AsApproximateFloat64()))), nil
}
