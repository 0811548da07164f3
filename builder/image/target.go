package image

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// The kinds of targets; a registry has none in front of its name.
const (
	targetLayout  = "oci"
	targetArchive = "tar"
)

// Target is where images are written to. The zero value is the registries
// that the references of the images name.
type Target struct {
	// kind is one of those above or ""; place is a path, or the registry with
	// or without the beginning of a repository.
	kind, place string
}

// ParseTarget reads REGISTRY, oci:DIR or tar:FILE, or "" for the zero value.
func ParseTarget(s string) (Target, error) {
	if s == "" {
		return Target{}, nil
	}
	kind, place, _ := strings.Cut(s, ":")
	if kind == targetLayout || kind == targetArchive {
		if place == "" || strings.HasSuffix(place, "/") && kind == targetArchive {
			return Target{}, fmt.Errorf("%s: names no place; write %s:out, for example", s, kind)
		}
		return Target{kind, filepath.Clean(place)}, nil
	}
	switch {
	case strings.Contains(s, "@"):
		// Not shown: what stands before it may be a password.
		return Target{}, fmt.Errorf("the registry has an @ in its name; give user and password with docker login, and here only the host and path")
	case strings.Contains(s, "://"):
		_, host, _ := strings.Cut(s, "://")
		return Target{}, fmt.Errorf("%q is a URL; write the registry as %s", s, host)
	case strings.HasPrefix(s, ".") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~"):
		return Target{}, fmt.Errorf("%q is no registry; a directory is written as oci:%s, a file as tar:%s", s, s, s)
	}
	t := Target{place: strings.TrimSuffix(s, "/")}
	if _, err := name.NewTag(t.Ref("function", "latest"), name.WeakValidation); err != nil {
		return Target{}, fmt.Errorf("%q is no registry; write HOST or HOST/PATH, such as ghcr.io/acme or localhost:5000", s)
	}
	return t, nil
}

// Files says whether images become files rather than going to a registry.
func (t Target) Files() bool { return t.kind != "" }

// Path is the absolute path of what is written, "" for a registry.
func (t Target) Path() string {
	if t.kind == "" {
		return ""
	}
	path, err := filepath.Abs(t.place)
	if err != nil {
		return t.place
	}
	return path
}

func (t Target) String() string {
	switch {
	case t.kind != "":
		return t.kind + ":" + t.place
	case t.place == "":
		return "the registries of the images"
	}
	return t.place
}

// Ref is the reference that an image of that name has at the target, unless
// it brings one of its own. For the zero value and for files that is the name
// and the tag alone.
func (t Target) Ref(name, tag string) string {
	if t.kind != "" || t.place == "" {
		return name + ":" + tag
	}
	return t.place + "/" + name + ":" + tag
}

// Item is an image and the reference, REPOSITORY:TAG, that it is to have.
type Item struct {
	Image *Image
	Ref   string
}

// Options of what speaks to registries. The zero value is for those with
// HTTPS and the credentials of Docker's configuration.
type Options struct {
	// Insecure lets a registry be spoken to in plain HTTP if it has no HTTPS.
	// Those on this machine or in a private network may always be.
	Insecure bool
	// Progress is called when all of an image but its tag is in its registry;
	// from several goroutines, may be nil.
	Progress func(Item)
}

// Write writes images to the target. A file or directory is there with all of
// them or as it was before. In a registry the tags are moved last, when all
// images are there, so that no tag ever names a part of one.
func Write(ctx context.Context, t Target, items []Item, opts Options) error {
	switch t.kind {
	case targetLayout:
		return writeLayout(ctx, t.place, items)
	case targetArchive:
		return writeArchive(ctx, t.place, items)
	}
	return push(ctx, items, opts)
}

// SplitRef gives repository and tag of a reference; the tag of one without is
// "latest". A digest is left out.
func SplitRef(ref string) (repository, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		return ref[:i], ref[i+1:]
	}
	return ref, "latest"
}
