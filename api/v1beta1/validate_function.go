package v1beta1

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// reservedEnv holds what the engine sets: the Knative runtime contract's four,
// and K_SINK, which holds the function's own token.
var reservedEnv = []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "K_SINK"}

// reservedPorts are those of Knative's queue-proxy in the same pod.
var reservedPorts = []int32{8012, 8013, 8022, 9090, 9091}

func (f *Function) validate(path *field.Path, timeout *TimeoutPolicy) field.ErrorList {
	var errs field.ErrorList
	if f.Image != "" {
		errs = append(errs, validateImage(path.Child("image"), f.Image)...)
	}
	if f.URL != "" {
		errs = append(errs, httpURL(path.Child("url"), f.URL)...)
	}
	if f.Command != nil && (len(f.Command) == 0 || f.Command[0] == "") {
		errs = append(errs, field.Required(path.Child("command"), "name the program, then its arguments"))
	}
	if f.Scaler != "" && f.Scaler != ScalerKnative && f.Scaler != ScalerKEDA {
		errs = append(errs, field.NotSupported(path.Child("scaler"), f.Scaler, []Scaler{ScalerKnative, ScalerKEDA}))
	}
	ports := make(map[int32]bool)
	for i := range f.Triggers {
		at := path.Child("triggers").Index(i)
		errs = append(errs, f.Triggers[i].validate(at)...)
		if port := f.Triggers[i].Port; port != nil {
			ports[*port] = true
			if len(ports) > 1 {
				errs = append(errs, field.Invalid(at.Child("port"), *port, "is a second port: a function has one"))
			}
		}
	}
	errs = append(errs, validateEnv(path.Child("env"), f.Env)...)
	errs = append(errs, validateEnvFrom(path.Child("envFrom"), f.EnvFrom)...)
	errs = append(errs, f.Build.validate(path.Child("build"))...)
	errs = append(errs, f.validatePod(path)...)
	errs = append(errs, validateResources(path.Child("resources"), f.Resources)...)
	errs = append(errs, validateNamesOf(path.Child("state"), f.State)...)
	errs = append(errs, validateNamesOf(path.Child("bindings"), f.Bindings)...)
	errs = append(errs, validateNamesOf(path.Child("calls"), f.Calls)...)
	for i, c := range f.Calls {
		service, function, ok := strings.Cut(c, ".")
		if c != "" && (!ok || service == "" || function == "") {
			errs = append(errs, field.Invalid(path.Child("calls").Index(i), c, "is not a service and a function; write it as pricing.quote"))
		}
	}
	if f.Concurrency != nil {
		errs = append(errs, between(path.Child("concurrency"), *f.Concurrency, 1, 1000)...)
	}
	if f.Timeout != nil {
		switch d := f.Timeout.Duration; {
		case d <= 0:
			errs = append(errs, field.Invalid(path.Child("timeout"), ShortDuration(d), "is not more than 0"))
		case timeout.Max != nil && d > timeout.Max.Duration:
			errs = append(errs, field.Invalid(path.Child("timeout"), ShortDuration(d), fmt.Sprintf("is more than policies.timeout.max, %s; lower it, or raise the maximum", ShortDuration(timeout.Max.Duration))))
		}
	}
	errs = append(errs, f.Scaling.validate(path.Child("scaling"))...)
	errs = append(errs, f.Retry.validate(path.Child("retry"))...)
	errs = append(errs, f.CircuitBreaker.validate(path.Child("circuitBreaker"))...)
	return append(errs, validateTraffic(path.Child("traffic"), f.Traffic)...)
}

// validateNamesOf reports empty names and ones that are there twice.
func validateNamesOf(path *field.Path, names []string) field.ErrorList {
	var errs field.ErrorList
	for i, n := range names {
		switch {
		case n == "":
			errs = append(errs, field.Required(path.Index(i), "the name is empty"))
		case slices.Index(names, n) < i:
			errs = append(errs, field.Duplicate(path.Index(i), n))
		}
	}
	return errs
}

func validateEnv(path *field.Path, env []corev1.EnvVar) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[string]bool)
	for i, v := range env {
		at := path.Index(i)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "name the variable"))
		case slices.Contains(reservedEnv, v.Name):
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, "is set by the engine; choose another name"))
		case len(validation.IsEnvVarName(v.Name)) > 0:
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, "is not a name for a variable"))
		case seen[v.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), v.Name))
		}
		seen[v.Name] = true
		if v.ValueFrom != nil {
			errs = append(errs, validateEnvSource(at, v)...)
		}
	}
	return errs
}

func validateEnvSource(at *field.Path, v corev1.EnvVar) field.ErrorList {
	var errs field.ErrorList
	from, path := v.ValueFrom, at.Child("valueFrom")
	if v.Value != "" {
		errs = append(errs, field.Forbidden(path, "stands beside value; keep one of them"))
	}
	sources := 0
	if r := from.SecretKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(path.Child("secretKeyRef"), r.Name, r.Key)...)
	}
	if r := from.ConfigMapKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(path.Child("configMapKeyRef"), r.Name, r.Key)...)
	}
	if r := from.FieldRef; r != nil {
		sources++
		if r.FieldPath == "" {
			errs = append(errs, field.Required(path.Child("fieldRef", "fieldPath"), "name the field, such as metadata.namespace"))
		}
	}
	if r := from.ResourceFieldRef; r != nil {
		sources++
		if r.Resource == "" {
			errs = append(errs, field.Required(path.Child("resourceFieldRef", "resource"), "name the resource, such as limits.memory"))
		}
	}
	if from.FileKeyRef != nil {
		sources++
		errs = append(errs, field.Forbidden(path.Child("fileKeyRef"), "needs a volume, which functions do not have"))
	}
	if sources != 1 {
		errs = append(errs, field.Forbidden(path, "must name exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef"))
	}
	return errs
}

func validateKeyRef(path *field.Path, name, key string) field.ErrorList {
	var errs field.ErrorList
	if name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name what holds the value"))
	}
	if key == "" {
		errs = append(errs, field.Required(path.Child("key"), "name the key of the value"))
	}
	return errs
}

func validateResources(path *field.Path, r corev1.ResourceRequirements) field.ErrorList {
	var errs field.ErrorList
	for _, group := range []struct {
		name string
		list corev1.ResourceList
	}{{"requests", r.Requests}, {"limits", r.Limits}} {
		for name, q := range group.list {
			if q.Sign() < 0 {
				errs = append(errs, field.Invalid(path.Child(group.name).Key(string(name)), q.String(), "is negative"))
			}
		}
	}
	for name, request := range r.Requests {
		if limit, ok := r.Limits[name]; ok && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(), fmt.Sprintf("is more than the limit, %s; lower it, or raise the limit", limit.String())))
		}
	}
	slices.SortFunc(errs, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	return errs
}

func validateTraffic(path *field.Path, traffic []TrafficTarget) field.ErrorList {
	var errs field.ErrorList
	tags := make(map[string]bool)
	sum := int32(0)
	for i, t := range traffic {
		at := path.Index(i)
		if t.Image == "" {
			errs = append(errs, field.Required(at.Child("image"), "name the image that gets the share"))
		} else {
			errs = append(errs, validateImage(at.Child("image"), t.Image)...)
		}
		errs = append(errs, between(at.Child("percent"), t.Percent, 0, 100)...)
		sum += min(max(t.Percent, 0), 100)
		switch {
		case t.Tag == "":
		case len(validation.IsDNS1035Label(t.Tag)) > 0:
			errs = append(errs, field.Invalid(at.Child("tag"), t.Tag, "is not a tag: lower-case letters, digits and dashes, the first a letter"))
		case tags[t.Tag]:
			errs = append(errs, field.Duplicate(at.Child("tag"), t.Tag))
		}
		tags[t.Tag] = true
	}
	if sum > 100 {
		errs = append(errs, field.Invalid(path, sum, "percent in all is more than 100; lower the shares, what is left goes to image"))
	}
	return errs
}

// imagePattern is the grammar of an image reference as registries take it
// (distribution/reference), its name in lower case.
var imagePattern = regexp.MustCompile(`^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9+.]+:[0-9a-fA-F]{32,})?$`)

func validateImage(path *field.Path, image string) field.ErrorList {
	if imagePattern.MatchString(image) {
		return nil
	}
	detail := "is not an image; write it as registry.example/orders/ingest:v1"
	if strings.ContainsFunc(image, unicode.IsUpper) && imagePattern.MatchString(strings.ToLower(image)) {
		detail = "is not an image: the name before the tag is in lower case"
	}
	return field.ErrorList{field.Invalid(path, image, detail)}
}
