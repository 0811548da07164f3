package main

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// given is what a chart has that no manifest says: its name and its values.
//
//go:embed all:chart
var given embed.FS

// chart makes a Helm chart of the manifests in dir, base and overlays/nats: the
// same objects with values in some places. It gives the chart's files by name.
func chart(dir string) (map[string]string, error) {
	c := &charter{values: make(map[string]string), files: make(map[string]string)}
	for _, t := range []struct {
		name, from, when string
		edit             func(kind string, doc *yaml.Node) error
	}{
		{"crd.yaml", "crd/functions.openfunction.io_functionmeshes.yaml", ".Values.crd.install", c.definition},
		{"rbac.yaml", "base/rbac.yaml", "", c.account},
		{"controller.yaml", "base/controller.yaml", "", c.controller},
		{"nats.yaml", "overlays/nats/nats.yaml", ".Values.nats.install", c.nats},
	} {
		manifest, err := os.ReadFile(filepath.Join(dir, t.from))
		if err != nil {
			return nil, err
		}
		text, err := c.template(manifest, t.edit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.from, err)
		}
		if t.when != "" {
			text = "{{- if " + t.when + " }}\n" + text + "{{- end }}\n"
		}
		c.files["templates/"+t.name] = text
	}
	if err := c.images(filepath.Join(dir, "base", "kustomization.yaml")); err != nil {
		return nil, err
	}
	return c.files, fs.WalkDir(given, "chart", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := given.ReadFile(path)
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		if name == "NOTES.txt" || name == "_helpers.tpl" {
			name = "templates/" + name
		}
		c.files[name], err = c.fill(string(text))
		return err
	})
}

// charter makes one chart.
type charter struct {
	// values are the defaults, as the manifests have them.
	values map[string]string
	// expressions stand behind marks in the text of a template.
	expressions []string
	files       map[string]string
}

var marked = regexp.MustCompile(`["']?weft-mark-(\d+)-["']?`)

// template edits each document of a text and gives them with expressions in the
// places of their marks.
func (c *charter) template(text []byte, edit func(string, *yaml.Node) error) (string, error) {
	c.expressions = nil
	var out bytes.Buffer
	encoder := encoderTo(&out)
	for _, doc := range bytes.Split(bytes.TrimPrefix(text, []byte("---\n")), []byte("\n---\n")) {
		var node yaml.Node
		if err := yaml.Unmarshal(append(bytes.Clone(doc), '\n'), &node); err != nil {
			return "", err
		}
		kind, err := at(&node, "kind")
		if err != nil {
			return "", err
		}
		if err := edit(kind.Value, &node); err != nil {
			return "", fmt.Errorf("%s: %w", kind.Value, err)
		}
		if err := encoder.Encode(&node); err != nil {
			return "", err
		}
	}
	if err := encoder.Close(); err != nil {
		return "", err
	}
	if bytes.Contains(out.Bytes(), []byte("{{")) {
		return "", fmt.Errorf("a manifest has {{, which a template would take for an expression")
	}
	return marked.ReplaceAllStringFunc(out.String(), func(mark string) string {
		var i int
		_, _ = fmt.Sscan(marked.FindStringSubmatch(mark)[1], &i)
		return c.expressions[i]
	}), nil
}

// mark is a scalar that becomes an expression.
func (c *charter) mark(expression string) *yaml.Node {
	c.expressions = append(c.expressions, expression)
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprintf("weft-mark-%d-", len(c.expressions)-1)}
}

// set puts an expression in the place of a value, and gives the value.
func (c *charter) set(doc *yaml.Node, expression string, path ...any) (string, error) {
	node, err := at(doc, path...)
	if err != nil {
		return "", err
	}
	old := *node
	*node = *c.mark(expression)
	if old.Kind == yaml.ScalarNode {
		return old.Value, nil
	}
	var text bytes.Buffer
	encoder := encoderTo(&text)
	if err := encoder.Encode(&old); err != nil {
		return "", err
	}
	return text.String(), encoder.Close()
}

// encoderTo writes as the manifests are written.
func encoderTo(out io.Writer) *yaml.Encoder {
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	return e
}

// release puts an object into the namespace of the release.
func (c *charter) release(doc *yaml.Node) error {
	metadata, err := at(doc, "metadata")
	if err != nil {
		return err
	}
	metadata.Content = append(metadata.Content, word("namespace"), c.mark("{{ .Release.Namespace }}"))
	return nil
}

func (c *charter) definition(_ string, doc *yaml.Node) error {
	annotations, err := at(doc, "metadata", "annotations")
	if err != nil {
		return err
	}
	annotations.Content = append(annotations.Content, c.mark("{{- if .Values.crd.keep }}\n    helm.sh/resource-policy"), c.mark("keep\n    {{- end }}"))
	return nil
}

func (c *charter) account(kind string, doc *yaml.Node) error {
	if strings.HasSuffix(kind, "Binding") {
		if _, err := c.set(doc, "{{ .Release.Namespace }}", "subjects", 0, "namespace"); err != nil {
			return err
		}
	}
	if strings.HasPrefix(kind, "Cluster") {
		return nil
	}
	return c.release(doc)
}

func (c *charter) controller(kind string, doc *yaml.Node) (err error) {
	if kind == "Deployment" {
		set := func(value, expression string, path ...any) {
			if err == nil {
				c.values[value], err = c.set(doc, expression, path...)
			}
		}
		pod := []any{"spec", "template", "spec"}
		container := append(pod, "containers", 0)
		set("replicas", "{{ .Values.replicas }}", "spec", "replicas")
		set("image", "{{ .Values.images.controller | quote }}", append(container, "image")...)
		set("resources", "{{- toYaml .Values.resources | nindent 12 }}", append(container, "resources")...)
		set("dataplane", "{{ .Values.images.dataplane | quote }}", append(container, "env", "WEFT_DATAPLANE", "value")...)
		set("", "{{ include \"weft.nats\" . | quote }}", append(container, "env", "WEFT_NATS", "value")...)
		set("", "{{ .Values.otlpEndpoint | quote }}", append(container, "env", "WEFT_OTLP_ENDPOINT", "value")...)
		if err != nil {
			return err
		}
		args, err := at(doc, append(container, "args")...)
		if err != nil {
			return err
		}
		last := args.Content[len(args.Content)-1]
		c.expressions = append(c.expressions, last.Value+"\n            {{- with .Values.extraArgs }}{{ toYaml . | nindent 12 }}{{ end }}")
		last.Value, last.Style = fmt.Sprintf("weft-mark-%d-", len(c.expressions)-1), 0
		if err := c.secrets(doc, pod); err != nil {
			return err
		}
	}
	return c.release(doc)
}

// secrets has a pod's images pulled with the secrets of the values.
func (c *charter) secrets(doc *yaml.Node, pod []any) error {
	containers, err := at(doc, append(pod, "containers")...)
	if err != nil {
		return err
	}
	spec, err := at(doc, pod...)
	if err != nil {
		return err
	}
	for i, node := range spec.Content {
		if node == containers {
			key := *spec.Content[i-1]
			*spec.Content[i-1] = *c.mark("{{- with .Values.imagePullSecrets }}\n      imagePullSecrets: {{- toYaml . | nindent 8 }}\n      {{- end }}\n      " + key.Value)
		}
	}
	return nil
}

func (c *charter) nats(kind string, doc *yaml.Node) error {
	if kind == "StatefulSet" {
		pod := []any{"spec", "template", "spec"}
		old, err := c.set(doc, "{{ .Values.images.nats | quote }}", append(pod, "containers", 0, "image")...)
		if err != nil {
			return err
		}
		c.values["nats"] = old
		if err := c.secrets(doc, pod); err != nil {
			return err
		}
	}
	return c.release(doc)
}

// images has the defaults be what base makes of the names of images.
func (c *charter) images(kustomization string) error {
	text, err := os.ReadFile(kustomization)
	if err != nil {
		return err
	}
	var k struct {
		Images []struct {
			Name    string `yaml:"name"`
			NewName string `yaml:"newName"`
			NewTag  string `yaml:"newTag"`
		} `yaml:"images"`
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		return fmt.Errorf("%s: %w", kustomization, err)
	}
	for _, i := range k.Images {
		if i.Name == c.values["image"] {
			c.values["image"] = i.NewName + ":" + i.NewTag
		}
	}
	return nil
}

var wanted = regexp.MustCompile(`\$\{(\w+)\}`)

// fill puts the defaults into a text.
func (c *charter) fill(text string) (string, error) {
	var err error
	return wanted.ReplaceAllStringFunc(text, func(name string) string {
		name = name[2 : len(name)-1]
		value, has := c.values[name]
		if !has {
			err = fmt.Errorf("no manifest has the value %s", name)
		}
		if name == "resources" {
			value = "  " + strings.ReplaceAll(strings.TrimSpace(value), "\n", "\n  ")
		}
		return value
	}), err
}

// at follows keys, numbers of elements, and names of elements that have one.
func at(node *yaml.Node, path ...any) (*yaml.Node, error) {
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for n, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if node.Kind == yaml.SequenceNode && step < len(node.Content) {
				next = node.Content[step]
			}
		case string:
			next = named(node, step)
		}
		if next == nil {
			return nil, fmt.Errorf("there is no %v", path[:n+1])
		}
		node = next
	}
	return node, nil
}

// named is the value of a key, or the element of a list that has a name.
func named(node *yaml.Node, name string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		for _, element := range node.Content {
			if value := named(element, "name"); value != nil && value.Value == name {
				return element
			}
		}
	}
	return nil
}

func word(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
