package v1beta1

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxMeshName leaves room for what is put after a mesh's name in those of its
// resources, within the 63 characters of a DNS label.
const maxMeshName = 52

// namePattern is what the CRD asks of a function's name.
var namePattern = regexp.MustCompile(`^[A-Za-z]([-_A-Za-z0-9]*[A-Za-z0-9])?$`)

// Validate reports everything that is wrong with the mesh as far as its own
// text shows it. What needs more, the expressions of conditions and the
// components declared beside the mesh, package mesh checks.
//
// Call it after SetDefaults. The details are written to be read after the
// value: "0" "is less than 1".
func (m *FunctionMesh) Validate() field.ErrorList {
	var errs field.ErrorList
	meta := field.NewPath("metadata")
	switch name := m.Name; {
	case name == "":
		errs = append(errs, field.Required(meta.Child("name"), "name the mesh"))
	case len(validation.IsDNS1035Label(name)) > 0:
		errs = append(errs, field.Invalid(meta.Child("name"), name, "is not a name for a mesh; use lower-case letters, digits and dashes, a letter first"))
	case len(name) > maxMeshName:
		errs = append(errs, field.Invalid(meta.Child("name"), name, fmt.Sprintf("is longer than %d characters", maxMeshName)))
	}
	if m.Namespace != "" && len(validation.IsDNS1123Label(m.Namespace)) > 0 {
		errs = append(errs, field.Invalid(meta.Child("namespace"), m.Namespace, "is not a namespace: lower-case letters, digits and dashes"))
	}
	if example, ok := m.Annotations[AnnotationExample]; ok && !json.Valid([]byte(example)) {
		errs = append(errs, field.Invalid(meta.Child("annotations").Key(AnnotationExample), example,
			"is not JSON; write what a client would send, in quotes"))
	}
	return append(errs, m.Spec.validate(field.NewPath("spec"))...)
}

func (s *FunctionMeshSpec) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.Functions) == 0 {
		errs = append(errs, field.Required(path.Child("functions"), "a mesh has at least one function"))
	}
	errs = append(errs, s.validateNames(path.Child("functions"))...)
	for i := range s.Functions {
		errs = append(errs, s.Functions[i].validate(path.Child("functions").Index(i), &s.Policies.Timeout)...)
	}
	errs = append(errs, s.validateRoutes(path.Child("functions"))...)
	errs = append(errs, s.validateLinks(path.Child("connections"))...)

	seen := make(map[string]bool)
	for i := range s.Components {
		c, at := &s.Components[i], path.Child("components").Index(i)
		if seen[c.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		seen[c.Name] = true
		errs = append(errs, c.Validate(at)...)
	}
	return append(errs, s.Policies.validate(path.Child("policies"))...)
}

func (s *FunctionMeshSpec) validateNames(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names, kube := make(map[string]bool), make(map[string]string)
	for i, f := range s.Functions {
		at := path.Index(i).Child("name")
		other, collides := kube[KubeName(f.Name)]
		switch {
		case f.Name == "":
			errs = append(errs, field.Required(at, "name the function"))
			continue
		case len(f.Name) > 63:
			errs = append(errs, field.Invalid(at, f.Name, "is longer than 63 characters"))
		case !namePattern.MatchString(f.Name):
			errs = append(errs, field.Invalid(at, f.Name, "is not a name for a function; use letters, digits, dashes and underscores, a letter first, no dash or underscore last"))
		case names[f.Name]:
			errs = append(errs, field.Duplicate(at, f.Name))
		case collides:
			errs = append(errs, field.Invalid(at, f.Name, fmt.Sprintf("is %s in kebab-case, as %q is: Kubernetes could not tell them apart; rename one", KubeName(f.Name), other)))
		}
		names[f.Name] = true
		if !collides {
			kube[KubeName(f.Name)] = f.Name
		}
	}
	return errs
}

func (s *FunctionMeshSpec) validateLinks(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	type link struct{ from, to, condition string }
	seen := make(map[link]int)
	for i, c := range s.Connections {
		at := path.Index(i)
		errs = append(errs, c.Retry.validate(at.Child("retry"))...)
		if c.From == "" {
			errs = append(errs, field.Required(at.Child("from"), "name the function whose output travels"))
		}
		if c.To == "" {
			errs = append(errs, field.Required(at.Child("to"), "name the function that receives it"))
		}
		if c.From != "" && KubeName(c.From) == KubeName(c.To) {
			errs = append(errs, field.Invalid(at.Child("to"), c.To, "is linked to itself; link it to another function, or leave trying again to retry"))
			continue
		}
		l := link{KubeName(c.From), KubeName(c.To), strings.TrimSpace(c.Condition)}
		if first, ok := seen[l]; ok && c.From != "" && c.To != "" {
			errs = append(errs, field.Invalid(at, c.From+" -> "+c.To, fmt.Sprintf("is declared twice, first in %s, under the same condition; remove one, or change its condition", path.Index(first))))
		} else {
			seen[l] = i
		}
	}
	return errs
}

// Validate reports what is wrong with a component that is declared at path.
func (c *Component) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case c.Name == "":
		errs = append(errs, field.Required(path.Child("name"), "name the component"))
	case len(validation.IsDNS1123Subdomain(c.Name)) > 0:
		errs = append(errs, field.Invalid(path.Child("name"), c.Name, "is not a name for a component; use lower-case letters, digits, dashes and dots"))
	}
	kind, rest, ok := strings.Cut(c.Type, ".")
	switch {
	case c.Type == "":
		errs = append(errs, field.Required(path.Child("type"), "write it as state.redis, pubsub.jetstream or bindings.smtp"))
	case !ok || kind == "" || rest == "" || strings.ContainsFunc(c.Type, unicode.IsSpace):
		errs = append(errs, field.Invalid(path.Child("type"), c.Type, "is not a type of component; write it as state.redis, pubsub.jetstream or bindings.smtp"))
	}
	seen := make(map[string]bool)
	for i, m := range c.Metadata {
		at := path.Child("metadata").Index(i)
		if m.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "name the setting"))
		} else if seen[m.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), m.Name))
		}
		seen[m.Name] = true
		if m.SecretKeyRef != nil && m.SecretKeyRef.Name == "" {
			errs = append(errs, field.Required(at.Child("secretKeyRef", "name"), "name the secret"))
		}
		sources := 0
		for _, set := range []bool{m.Value != "", m.SecretKeyRef != nil, m.EnvRef != ""} {
			if set {
				sources++
			}
		}
		if sources > 1 {
			errs = append(errs, field.Forbidden(at, "has more than one of value, secretKeyRef and envRef"))
		}
	}
	if c.InitTimeout != nil && c.InitTimeout.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("initTimeout"), ShortDuration(c.InitTimeout.Duration), "is not more than 0"))
	}
	return errs
}

// httpURL reports a value that is not an absolute http or https address.
func httpURL(path *field.Path, value string) field.ErrorList {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return field.ErrorList{field.Invalid(path, value, "is not an address; write it as http://127.0.0.1:8081")}
	}
	return nil
}
