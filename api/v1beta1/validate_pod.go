package v1beta1

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePod checks what of a function is its pods'.
func (f *Function) validatePod(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, metav1validation.ValidateLabels(f.Labels, path.Child("labels"))...)
	errs = append(errs, apivalidation.ValidateAnnotations(f.Annotations, path.Child("annotations"))...)
	if n := f.ServiceAccountName; n != "" && len(validation.IsDNS1123Subdomain(n)) > 0 {
		errs = append(errs, field.Invalid(path.Child("serviceAccountName"), n, "is not a name of a ServiceAccount: lower-case letters, digits, dashes and dots"))
	}
	for name, p := range map[string]*Probe{"readinessProbe": f.ReadinessProbe, "livenessProbe": f.LivenessProbe} {
		if p != nil && !strings.HasPrefix(p.HTTPGet.Path, "/") {
			errs = append(errs, field.Invalid(path.Child(name, "httpGet", "path"), p.HTTPGet.Path, "is not a path; it begins with a slash, such as /health/readiness"))
		}
	}
	slices.SortFunc(errs, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	if t := f.StartTimeout; t != nil && t.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("startTimeout"), ShortDuration(t.Duration), "is not more than 0"))
	}
	return errs
}

func validateEnvFrom(path *field.Path, from []corev1.EnvFromSource) field.ErrorList {
	var errs field.ErrorList
	for i, e := range from {
		at := path.Index(i)
		if (e.SecretRef == nil) == (e.ConfigMapRef == nil) {
			errs = append(errs, field.Forbidden(at, "must name exactly one of secretRef and configMapRef"))
			continue
		}
		name, child := "", at.Child("secretRef", "name")
		if e.SecretRef != nil {
			name = e.SecretRef.Name
		} else {
			name, child = e.ConfigMapRef.Name, at.Child("configMapRef", "name")
		}
		if name == "" {
			errs = append(errs, field.Required(child, "name what holds the values"))
		}
		if e.Prefix != "" && len(validation.IsEnvVarName(e.Prefix)) > 0 {
			errs = append(errs, field.Invalid(at.Child("prefix"), e.Prefix, "cannot begin the name of a variable"))
		}
	}
	return errs
}

// platformEnv are the variables that say for which platform is built.
var platformEnv = []string{"GOOS", "GOARCH"}

func (b *Build) validate(path *field.Path) field.ErrorList {
	if b == nil {
		return nil
	}
	var errs field.ErrorList
	seen := make(map[string]bool)
	for i, v := range b.Env {
		at := path.Child("env").Index(i).Child("name")
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(at, "name the variable"))
		case strings.ContainsAny(v.Name, "=\x00"):
			errs = append(errs, field.Invalid(at, v.Name, "is not a name for a variable"))
		case slices.Contains(platformEnv, v.Name):
			errs = append(errs, field.Invalid(at, v.Name, "is the platform's: choose it with weft build --platform"))
		case seen[v.Name]:
			errs = append(errs, field.Duplicate(at, v.Name))
		}
		seen[v.Name] = true
	}
	return errs
}
