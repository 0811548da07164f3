package scalers

import (
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
)

// settings are those of a component, on their way to what KEDA is told.
type settings struct {
	component v1beta1.Component
	metadata  map[string]string
	refs      []kinds.SecretTargetRef
	err       *UnderivableError
}

func settingsOf(c v1beta1.Component) *settings {
	return &settings{component: c, metadata: make(map[string]string)}
}

// find returns a setting by the first of its names that the component has.
// Dapr takes names in any case.
func (s *settings) find(names ...string) (v1beta1.ComponentMetadata, bool) {
	for _, name := range names {
		for _, m := range s.component.Metadata {
			if strings.EqualFold(m.Name, name) && (m.Value != "" || m.SecretKeyRef != nil || m.EnvRef != "") {
				return m, true
			}
		}
	}
	return v1beta1.ComponentMetadata{}, false
}

// has says whether the component has one of the settings.
func (s *settings) has(names ...string) bool {
	_, ok := s.find(names...)
	return ok
}

// is says whether a setting that is true or false is true, as Dapr reads it.
func (s *settings) is(name string) bool {
	m, _ := s.find(name)
	return slices.Contains([]string{"y", "yes", "true", "t", "on", "1"}, strings.ToLower(m.Value))
}

// plain returns the value of a setting that KEDA does not take from a Secret;
// "" if there is none.
func (s *settings) plain(names ...string) string {
	m, ok := s.find(names...)
	switch {
	case !ok:
		return ""
	case m.SecretKeyRef != nil:
		s.fail(m.Name+" is in a Secret, and KEDA does not read it from there", "give it as a value")
	case m.EnvRef != "":
		s.fail(m.Name+" is in the environment of a sidecar, which KEDA does not see", "give it as a value")
	}
	return m.Value
}

// either hands a setting on as metadata if it has a value, and by the
// TriggerAuthentication if it is in a Secret. It says whether there is one.
func (s *settings) either(parameter string, names ...string) bool {
	m, ok := s.find(names...)
	if ok && m.Value != "" {
		s.metadata[parameter] = m.Value
		return true
	}
	return s.secret(parameter, names...)
}

// secret hands a setting on by the TriggerAuthentication. What is written out in
// the component is not copied into another object.
func (s *settings) secret(parameter string, names ...string) bool {
	m, ok := s.find(names...)
	switch {
	case !ok:
		return false
	case m.Value != "":
		s.fail(m.Name+" is written out, and KEDA takes it from a Secret", "put it into a Secret, and refer to it by secretKeyRef")
	case m.EnvRef != "":
		s.fail(m.Name+" is in the environment of a sidecar, which KEDA does not see", "put it into a Secret, and refer to it by secretKeyRef")
	case s.component.SecretStore != "" && s.component.SecretStore != "kubernetes":
		s.fail(m.Name+" is in the secret store "+s.component.SecretStore+", which KEDA does not read", "put it into a Secret of Kubernetes")
	default:
		key := m.SecretKeyRef.Key
		if key == "" {
			key = m.SecretKeyRef.Name // Dapr's rule
		}
		s.refs = append(s.refs, kinds.SecretTargetRef{Parameter: parameter, Name: m.SecretKeyRef.Name, Key: key})
	}
	return true
}

// fail keeps the first reason why nothing can be derived.
func (s *settings) fail(reason, add string) {
	if s.err == nil {
		s.err = &UnderivableError{Component: s.component.Name, Type: s.component.Type, Reason: reason, Add: add}
	}
}

// derived ends the derivation.
func (s *settings) derived(trigger string) (Derived, error) {
	if s.err != nil {
		return Derived{}, s.err
	}
	d := Derived{Trigger: kinds.Trigger{Type: trigger, Metadata: s.metadata}}
	if len(s.refs) > 0 {
		d.Auth = &kinds.TriggerAuthenticationSpec{SecretTargetRef: s.refs}
	}
	return d, nil
}
