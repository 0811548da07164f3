package local

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// readEnvFile reads KEY=value lines. Empty lines and those that begin with #
// are passed over, "export " before the key too; a value in single or double
// quotes is taken without them. Nothing is expanded.
func readEnvFile(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--env-file %s: %w", path, reason(err))
	}
	defer f.Close()
	env := make(map[string]string)
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.ContainsAny(key, " \t") {
			return nil, fmt.Errorf("--env-file %s:%d: a line is KEY=value", path, n)
		}
		value = strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		env[key] = value
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("--env-file %s: %w", path, err)
	}
	return env, nil
}

// functionEnv is what a function's environment has beside the contract: the
// env file's values, then the mesh's, which win.
func functionEnv(b *source.Bundle, file map[string]string, f *mesh.Function) ([]string, error) {
	declared, err := b.Environment(f, func(name string) (string, bool) {
		v, ok := file[name]
		return v, ok
	})
	if err != nil {
		return nil, err
	}
	env := make([]string, 0, len(file)+len(declared))
	for k, v := range file {
		env = append(env, k+"="+v)
	}
	return append(env, declared...), nil
}

// secretValues are the values of Secret documents that functions and components
// are given.
func secretValues(b *source.Bundle) []string {
	var values []string
	for _, f := range b.Plan.Functions {
		for _, from := range f.Spec.EnvFrom {
			if from.SecretRef == nil {
				continue
			}
			for _, data := range b.Secrets[from.SecretRef.Name] {
				values = append(values, string(data))
			}
		}
		for _, v := range f.Env {
			if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
				continue
			}
			ref := v.ValueFrom.SecretKeyRef
			if data, ok := b.Secrets[ref.Name][ref.Key]; ok {
				values = append(values, string(data))
			}
		}
	}
	for _, c := range b.Components {
		for _, m := range c.Metadata {
			if m.SecretKeyRef == nil {
				continue
			}
			if data, ok := b.Secrets[m.SecretKeyRef.Name][cmp.Or(m.SecretKeyRef.Key, m.SecretKeyRef.Name)]; ok {
				values = append(values, string(data))
			}
		}
	}
	return values
}
