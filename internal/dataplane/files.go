package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// readMesh reads the mesh of a directory; warnings are the controller's to
// tell.
func readMesh(dir string) (*mesh.Plan, error) {
	b, problems := source.Load(dir, source.Options{})
	if err := problems.Errors().Err(); err != nil {
		return nil, err
	}
	return b.Plan, nil
}

// readTokens reads the token of each function, by its name.
func readTokens(dir string, p *mesh.Plan) (map[string]string, error) {
	tokens := make(map[string]string, len(p.Functions))
	for _, f := range p.Functions {
		token, err := readToken(dir, p, f.KubeName, f.Name)
		if err != nil {
			return nil, err
		}
		tokens[f.Name] = token
	}
	return tokens, nil
}

// readToken reads the token of that key, which is whose.
func readToken(dir string, p *mesh.Plan, key, whose string) (string, error) {
	path := filepath.Join(dir, key)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token of %s: %w; the Secret %s-tokens must have the key %s", whose, err, p.Name, key)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("token of %s: %s is empty", whose, path)
	}
	return token, nil
}

// metadataOf gives the settings of a component, with what it refers to read
// from the directory of secrets and the environment.
func metadataOf(c v1beta1.Component, secrets string) (map[string]string, error) {
	values := make(map[string]string, len(c.Metadata))
	for _, m := range c.Metadata {
		switch {
		case m.SecretKeyRef != nil:
			data, err := readSecret(secrets, m.SecretKeyRef.Name, m.SecretKeyRef.Key)
			if err != nil {
				return nil, fmt.Errorf("component %s: %s: %w", c.Name, m.Name, err)
			}
			values[m.Name] = string(data)
		case m.EnvRef != "":
			values[m.Name] = os.Getenv(m.EnvRef)
		default:
			values[m.Name] = m.Value
		}
	}
	return values, nil
}

// readSecret reads a key of a Secret from the directory of secrets; one with the
// Secret's name if key is empty.
func readSecret(secrets, name, key string) ([]byte, error) {
	if key == "" {
		key = name
	}
	data, err := os.ReadFile(filepath.Join(secrets, name, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key %s in the secret %s", key, name)
	}
	return data, err
}
