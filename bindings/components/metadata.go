package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/dapr/components-contrib/secretstores"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// storeKubernetes is the secret store that auth.secretStore names when it names
// none on a cluster; here it is the mesh's own Secret documents.
const storeKubernetes = "kubernetes"

// resolver finds the values of a component's metadata.
type resolver struct {
	cfg *Config
	log *slog.Logger
	// store opens a secret store component, or says why it cannot.
	store func(ctx context.Context, name string) (secretstores.SecretStore, error)
}

// resolve gives the metadata of c with references replaced by what they name,
// and the values among them that are secret. Templates such as {appID} are
// left.
func (r *resolver) resolve(ctx context.Context, c v1beta1.Component, known []string) (props map[string]string, secrets []string, err error) {
	props = make(map[string]string, len(c.Metadata))
	var errs []error
	for _, m := range c.Metadata {
		name := spelled(m.Name, known)
		switch {
		case m.SecretKeyRef != nil:
			value, err := r.secret(ctx, c, m)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			props[name], secrets = value, append(secrets, value)
		// An environment variable stands in only where there is no value
		// (daprd's pkg/runtime/processor/secret).
		case m.Value == "" && m.EnvRef != "":
			value, err := r.variable(c, m)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			props[name], secrets = value, append(secrets, value)
		default:
			props[name] = m.Value
		}
	}
	return props, secrets, errors.Join(errs...)
}

// spelled gives a name as the component spells it: names of metadata hold in
// any case, though some components look for theirs in one only.
func spelled(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func (r *resolver) secret(ctx context.Context, c v1beta1.Component, m v1beta1.ComponentMetadata) (string, error) {
	name, key := m.SecretKeyRef.Name, m.SecretKeyRef.Key
	if key == "" {
		key = name
	}
	if c.SecretStore == "" || c.SecretStore == storeKubernetes {
		if r.cfg.Secret != nil {
			if v, ok := r.cfg.Secret(name, key); ok {
				return string(v), nil
			}
		}
		return "", fmt.Errorf("metadata %s: there is no Secret %q with the key %q; put a document of kind Secret into a file in local/ beside the mesh, or name a secret store in auth.secretStore", m.Name, name, key)
	}
	store, err := r.store(ctx, c.SecretStore)
	if err != nil {
		return "", fmt.Errorf("metadata %s: %w", m.Name, err)
	}
	answer, err := store.GetSecret(ctx, secretstores.GetSecretRequest{
		Name: name, Metadata: map[string]string{"namespace": r.cfg.Plan.Namespace},
	})
	if err != nil {
		return "", fmt.Errorf("metadata %s: the secret store %q gives no secret %q (key %q): %w; add it to the store, or correct secretKeyRef", m.Name, c.SecretStore, name, key, err)
	}
	// A store answers for a variable that is not set with an empty value.
	value := answer.Data[key]
	if value == "" {
		err := fmt.Errorf("metadata %s: the secret %q of the secret store %q has no value for the key %q", m.Name, name, c.SecretStore, key)
		keys := slices.Sorted(maps.Keys(answer.Data))
		if near := mesh.Nearest(key, keys); near != "" {
			return "", fmt.Errorf("%w; did you mean %q?", err, near)
		}
		return "", fmt.Errorf("%w; add it to the store, or correct secretKeyRef", err)
	}
	return value, nil
}

// variable reads an environment variable, but for those that daprd keeps from
// components: its own, and the token of the app.
func (r *resolver) variable(c v1beta1.Component, m v1beta1.ComponentMetadata) (string, error) {
	upper := strings.ToUpper(m.EnvRef)
	if upper == "APP_API_TOKEN" || strings.HasPrefix(upper, "DAPR_") || strings.Contains(upper, " ") {
		return "", fmt.Errorf("metadata %s: the environment variable %s is not open to components (Dapr's rule); use one of another name", m.Name, m.EnvRef)
	}
	lookup := r.cfg.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(m.EnvRef)
	if !ok {
		r.log.Warn("an environment variable that a component refers to is not set; the value is empty, as with Dapr",
			"component", c.Name, "metadata", m.Name, "variable", m.EnvRef)
	}
	return value, nil
}

// templates are what stands for {appID}, {namespace} and {podName}.
type templates struct{ app, namespace, pod string }

// fill returns a copy of props with the templates in their values filled in
// (daprd's pkg/runtime/meta): {uuid} is a new one each time, {namespace} the
// namespace, a dot and the app id.
func (t templates) fill(props map[string]string) map[string]string {
	out := make(map[string]string, len(props))
	for name, v := range props {
		for strings.Contains(v, "{uuid}") {
			v = strings.Replace(v, "{uuid}", uuid.NewString(), 1)
		}
		v = strings.ReplaceAll(v, "{podName}", t.pod)
		v = strings.ReplaceAll(v, "{namespace}", t.namespace+"."+t.app)
		out[name] = strings.ReplaceAll(v, "{appID}", t.app)
	}
	return out
}

// templates of a component that all functions share: its app is the mesh, its
// pod this machine.
func (cfg *Config) templates() templates {
	lookup := cfg.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	pod, ok := lookup("POD_NAME")
	if !ok {
		pod, _ = os.Hostname()
	}
	return templates{app: cfg.Plan.Name, namespace: cfg.Plan.Namespace, pod: pod}
}
