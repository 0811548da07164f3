package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Directories beside the mesh file whose documents count.
const (
	dirResources = "resources"
	dirLocal     = "local"
)

// DefaultFile is the name of the mesh file in a directory.
const DefaultFile = "mesh.yaml"

// FileIn is the mesh file of a directory: mesh.yaml, or func.yaml where only
// that is there.
func FileIn(dir string) string {
	file := filepath.Join(dir, DefaultFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		alone := filepath.Join(dir, FuncFile)
		if _, err := os.Stat(alone); err == nil {
			return alone
		}
	}
	return file
}

// DocumentDirs are the directories beside the mesh file in dir whose documents
// count with it, whether they are there or not.
func DocumentDirs(dir string) []string {
	return []string{filepath.Join(dir, dirResources), filepath.Join(dir, dirLocal)}
}

// Options of Load.
type Options struct {
	// Set overrides single fields, each as path=value:
	// spec.policies.scaling.minReplicas=0, spec.functions[0].source=./x, or
	// by name, spec.functions.ingestOrder.concurrency=5. The value is YAML.
	Set []string
	// Cluster leaves out local/, whose documents are for one machine.
	Cluster bool
}

// Bundle is a mesh with all that was read beside it.
type Bundle struct {
	// Plan of the mesh; nil if the problems hold an error.
	Plan *mesh.Plan
	// Mesh as the files and options give it, without defaults; Plan.Mesh has
	// them.
	Mesh *v1beta1.FunctionMesh
	// Components declared inline and as documents, by name.
	Components []v1beta1.Component
	// Subscriptions of Dapr, in the order of the files.
	Subscriptions []Subscription
	// Secrets by name and key, decoded, and ConfigMaps.
	Secrets    map[string]map[string][]byte
	ConfigMaps map[string]map[string]string
	// Dir is the directory of the mesh file: what functions' sources are
	// relative to.
	Dir string
	// Files that were read, the mesh file first, as given or relative to it.
	Files []string

	tree *node
	// others are all documents but the mesh.
	others []document
	// documents of components that are not inline, by name.
	documents map[string]document
	// subscribing are the documents of subscriptions, by name.
	subscribing map[string]document
}

// Load reads a mesh: path names its file, or a directory (see FileIn). A
// document that can stand for a mesh of one function does where there is no
// FunctionMesh: a func.yaml.
//
// The documents of the file and of resources/*.yaml beside it count together.
// One in local/*.yaml of the same kind and name replaces a Component, Secret,
// ConfigMap or Subscription; a FunctionMesh in local/ is laid over the mesh:
// maps merged, functions matched by name, other lists replaced. Options come
// last. For a cluster local/ does not count.
//
// The Bundle is never nil: with errors among the problems it has no Plan, but
// still names the files, for someone who waits for them to be mended.
func Load(path string, opts Options) (*Bundle, mesh.Problems) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = FileIn(path)
	}
	return load(path, opts, readFile, filepath.Glob)
}

// readFile reads a file up to the bound and one byte, so that what is too long
// is seen to be.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

func load(path string, opts Options, read func(string) ([]byte, error), glob func(string) ([]string, error)) (*Bundle, mesh.Problems) {
	b := &Bundle{
		Secrets:     make(map[string]map[string][]byte),
		ConfigMaps:  make(map[string]map[string]string),
		Dir:         filepath.Dir(path),
		documents:   make(map[string]document),
		subscribing: make(map[string]document),
	}
	var ds documents
	files := []struct {
		path  string
		layer layer
	}{{path, layerMesh}}
	for _, dir := range []struct {
		name  string
		layer layer
	}{{dirResources, layerResources}, {dirLocal, layerLocal}} {
		if dir.layer == layerLocal && opts.Cluster {
			continue
		}
		for _, ext := range []string{"*.yaml", "*.yml"} {
			found, _ := glob(filepath.Join(b.Dir, dir.name, ext)) // the pattern is ours and well-formed
			slices.Sort(found)
			for _, f := range found {
				files = append(files, struct {
					path  string
					layer layer
				}{f, dir.layer})
			}
		}
	}
	for _, f := range files {
		b.Files = append(b.Files, f.path)
		data, err := read(f.path)
		if err != nil {
			ds.problems = append(ds.problems, readProblem(f.path, err))
			continue
		}
		nodes, problems := parse(f.path, data)
		ds.problems = append(ds.problems, problems...)
		for _, n := range nodes {
			ds.add(n, f.layer)
		}
	}
	ds.finish(path)
	problems := ds.problems
	if ds.mesh != nil {
		b.tree = ds.mesh
		for _, s := range opts.Set {
			if err := b.tree.set(s); err != nil {
				problems = append(problems, mesh.Problem{File: "--set " + s, Message: err.Error()})
			}
		}
		ds.problems = problems
		ds.beside(b.tree, b.Dir, read)
		b.Files = append(b.Files, ds.files...)
		problems = append(ds.problems, b.compile(ds.others)...)
	}
	problems.Sort()
	problems = once(problems)
	if len(problems.Errors()) > 0 {
		b.Plan = nil
	}
	return b, problems
}

// once drops what is said before of the same place: what an alias repeats.
func once(problems mesh.Problems) mesh.Problems {
	type key struct {
		at            place
		field, saying string
	}
	seen := make(map[key]bool)
	return slices.DeleteFunc(problems, func(p mesh.Problem) bool {
		k := key{place{file: p.File, line: p.Line, column: p.Column}, p.Path[strings.LastIndexByte(p.Path, '.')+1:], p.Message}
		if p.Line == 0 {
			return false
		}
		twice := seen[k]
		seen[k] = true
		return twice
	})
}

func readProblem(path string, err error) mesh.Problem {
	p := mesh.Problem{File: path, Message: err.Error()}
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Message, p.Hint = "there is no such file", "name the mesh with --file, or make a project with weft new"
	case errors.As(err, &pathErr):
		p.Message = "cannot be read: " + pathErr.Err.Error()
	}
	return p
}

// compile decodes the documents and makes the plan.
func (b *Bundle) compile(others []document) mesh.Problems {
	var d decoder
	b.Mesh = new(v1beta1.FunctionMesh)
	d.decode(b.tree, reflect.ValueOf(b.Mesh).Elem(), "")

	b.others = others
	var od decoder
	b.decodeOthers(others, &od)
	problems := slices.Concat(b.asWritten(d.problems), od.problems)

	for _, c := range b.Mesh.Spec.Components {
		if doc, ok := b.documents[c.Name]; ok && doc.layer != layerLocal {
			problems = append(problems, b.problem("spec.components", "component %q is declared here and in %s on line %d", c.Name, doc.at.file, doc.at.line))
		}
	}

	plan, found := mesh.Compile(b.Mesh, b.Components...)
	for _, p := range found {
		if !d.misleads(p.Path) {
			problems = append(problems, b.place(p))
		}
	}
	b.Plan = plan
	for _, c := range b.Mesh.Spec.Components {
		if _, ok := b.documents[c.Name]; !ok {
			b.Components = append(b.Components, *c.DeepCopy())
		}
	}
	slices.SortStableFunc(b.Components, func(x, y v1beta1.Component) int { return strings.Compare(x.Name, y.Name) })
	return problems
}

// asWritten gives the decoder's problems the paths by which their authors know
// the fields, if those are not the mesh's.
func (b *Bundle) asWritten(problems mesh.Problems) mesh.Problems {
	written := slices.Clone(problems)
	for i, p := range written {
		if field := b.tree.locate(p.Path).field; field != "" {
			written[i].Path = field
		}
	}
	return written
}

// misleads says whether a problem at path may come of a value that could not
// be decoded.
func (d *decoder) misleads(path string) bool {
	if d.meant[path] {
		return true
	}
	// A function whose name cannot be read is unknown to all its links.
	end := strings.HasPrefix(path, "spec.connections[") && (strings.HasSuffix(path, ".from") || strings.HasSuffix(path, ".to"))
	if end {
		for f := range d.meant {
			if f == "spec.functions" || functionName.MatchString(f) {
				return true
			}
		}
	}
	for f := range d.faulty {
		if within(path, f) || within(f, path) || end && (f == "spec.functions" || functionName.MatchString(f)) {
			return true
		}
	}
	return false
}

var functionName = regexp.MustCompile(`^spec\.functions\[\d+\](\.name)?$`)

// within says whether the field at path is the outer one or in it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Place gives problems whose paths are those of the mesh, or of
// mesh.PathOfComponent or mesh.PathOfSubscription, their places in the files.
func (b *Bundle) Place(problems mesh.Problems) mesh.Problems {
	placed := make(mesh.Problems, len(problems))
	for i, p := range problems {
		if name, rest, ok := mesh.ComponentPath(p.Path); ok {
			if p.Path = b.pathOf(name); rest != "" {
				p.Path += "." + rest
			}
		}
		placed[i] = b.place(p)
	}
	placed.Sort()
	return placed
}

// pathOf is the path of a component, wherever it is declared.
func (b *Bundle) pathOf(component string) string {
	if _, ok := b.documents[component]; !ok {
		i := slices.IndexFunc(b.Mesh.Spec.Components, func(c v1beta1.Component) bool { return c.Name == component })
		return fmt.Sprintf("spec.components[%d]", i)
	}
	return mesh.PathOfComponent(component)
}

// pathOfRoute is the default route of a subscription; v1alpha1 has it as
// spec.route.
const pathOfRoute = "spec.routes.default"

// place gives a problem of the compiler its place in the files.
func (b *Bundle) place(p mesh.Problem) mesh.Problem {
	at := b.tree.locate(p.Path)
	if name, rest, ok := mesh.ComponentPath(p.Path); ok && b.documents[name].node != nil {
		switch field, _, _ := strings.Cut(rest, "["); field {
		case "name":
			rest = "metadata.name"
		case "secretStore":
			rest = "auth.secretStore"
		case "", "scopes":
		default:
			rest = "spec." + rest
		}
		p.Path = rest
		at = b.documents[name].locate(rest)
	}
	if name, rest, ok := mesh.SubscriptionPath(p.Path); ok && b.subscribing[name].node != nil {
		doc := b.subscribing[name]
		if rest == pathOfRoute && doc.find("spec").find("route") != nil && doc.find("spec").find("routes").find("default") == nil {
			rest = "spec.route"
		}
		p.Path = rest
		at = doc.locate(rest)
	}
	p.File, p.Line, p.Column = at.file, at.line, at.column
	if at.field != "" {
		p.Path = at.field
	}
	return p
}

func (b *Bundle) problem(path, format string, args ...any) mesh.Problem {
	return b.place(mesh.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}
