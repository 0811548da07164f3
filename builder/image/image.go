package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/builder/sbom"
)

// Port is the one that programs are told to listen at by the image, where
// nothing else tells them.
const Port = 8080

// Spec says what goes into an image.
type Spec struct {
	// Name of the program in the image, in kebab-case: /app/<Name>.
	Name string
	// Programs, one for each platform.
	Programs []Program
	// Base is what the program is added to; nil for the files that an image
	// made from scratch has.
	Base *Base
	// Annotations of all manifests, which are also labels of the image.
	Annotations map[string]string
	// Created is when the image says it was made; the zero time for
	// 1970-01-01, so that it is the same image whenever it is made.
	Created time.Time
}

// Image is made and can be written. It refers to files beside its programs,
// which must stay until then.
type Image struct {
	// Name is that of its Spec.
	Name string
	// Digest of the index, "sha256:…": what to pin.
	Digest string
	// Size in bytes of all layers of the largest platform, as compressed.
	Size int64

	raw       []byte
	manifests []*manifest
	// plain says that index.json names the manifests of the platforms too, for
	// readers of layouts who look for an image and know no index.
	plain bool
}

// named says whether a name can be that of a file in an image and part of a
// reference.
func named(s string) bool {
	const inner, ends = "abcdefghijklmnopqrstuvwxyz0123456789-.", "-."
	return s != "" && len(s) <= 63 && strings.Trim(s, inner) == "" && strings.Trim(s, ends) == s
}

// Build makes an image, its platforms side by side.
func Build(ctx context.Context, spec Spec) (*Image, error) {
	wrong := func(err error) (*Image, error) { return nil, fmt.Errorf("image of %s: %w", spec.Name, err) }
	if !named(spec.Name) {
		return nil, fmt.Errorf("image of %q: the name must be of letters a-z, digits and dashes, at most 63", spec.Name)
	}
	if len(spec.Programs) == 0 {
		return wrong(errors.New("there is no program to put into it"))
	}
	if spec.Created.IsZero() {
		spec.Created = time.Unix(0, 0)
	}
	spec.Created = spec.Created.UTC().Truncate(time.Second)
	img := &Image{Name: spec.Name, manifests: make([]*manifest, len(spec.Programs))}
	all, ctx := errgroup.WithContext(ctx)
	for i, p := range spec.Programs {
		all.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			img.manifests[i], err = spec.manifest(ctx, p)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return wrong(err)
	}
	if err := img.seal(spec.Annotations); err != nil {
		return wrong(err)
	}
	return img, nil
}

// seal makes the index of the manifests.
func (img *Image) seal(annotations map[string]string) error {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: annotations}
	for _, m := range img.manifests {
		index.Manifests = append(index.Manifests, m.descriptor())
		var size int64
		for _, l := range m.layers {
			n, err := l.Size()
			if err != nil {
				return err
			}
			size += n
		}
		img.Size = max(img.Size, size)
	}
	var err error
	img.raw, err = json.Marshal(index)
	img.Digest = hashOf(img.raw).String()
	return err
}

// manifest makes the manifest of one platform and the list of its modules.
func (s *Spec) manifest(ctx context.Context, p Program) (*manifest, error) {
	config := v1.ConfigFile{
		OS: p.Platform.OS, Architecture: p.Platform.Arch, Variant: p.Platform.oci().Variant,
		RootFS: v1.RootFS{Type: "layers"}, Created: v1.Time{Time: s.Created},
	}
	annotations := maps.Clone(s.Annotations)
	var layers []v1.Layer
	if s.Base == nil {
		files, err := baseLayer()
		if err != nil {
			return nil, err
		}
		layers = append(layers, files)
		config.History = append(config.History, s.history("certificates, time zones, user"))
		config.Config = v1.Config{WorkingDir: "/", Env: []string{"HOME=/home/nonroot", "SSL_CERT_FILE=/" + certificates}}
	} else {
		from, err := s.Base.platform(ctx, p.Platform)
		if err != nil {
			return nil, err
		}
		layers, config.Config, config.History, config.RootFS = from.layers, from.config.Config, from.config.History, from.config.RootFS
		config.OSVersion, config.OSFeatures = from.config.OSVersion, from.config.OSFeatures
		if annotations == nil {
			annotations = make(map[string]string)
		}
		annotations[annotationBaseName], annotations[annotationBaseDigest] = s.Base.name, from.digest
	}
	path := programDir + "/" + s.Name
	program, sum, err := programLayer(p.Binary, path)
	if err != nil {
		return nil, err
	}
	layers = append(layers, program)
	config.History = append(config.History, s.history("/"+path))
	config.RootFS.DiffIDs = nil
	for _, l := range layers {
		id, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, id)
	}
	c := &config.Config
	c.Entrypoint, c.Cmd, c.User = []string{"/" + path}, nil, User
	c.Env = setEnv(c.Env, "PORT", strconv.Itoa(Port))
	c.ExposedPorts = map[string]struct{}{strconv.Itoa(Port) + "/tcp": {}}
	c.Healthcheck = nil // a base's own, of another program
	if c.Labels == nil {
		c.Labels = make(map[string]string)
	}
	maps.Copy(c.Labels, s.Annotations)

	return newManifest(config, layers, annotations, sbom.Program{
		Name: s.Name, Binary: p.Binary, SHA256: sum.Hex, Platform: p.Platform.String(),
	})
}

// newManifest makes a manifest, with the list of the modules of its program.
func newManifest(config v1.ConfigFile, layers []v1.Layer, annotations map[string]string, program sbom.Program) (m *manifest, err error) {
	platform := Platform{config.OS, config.Architecture}
	m = &manifest{layers: layers, platform: platform.oci()}
	if m.config, err = json.Marshal(config); err != nil {
		return nil, err
	}
	doc := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: annotations,
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: hashOf(m.config), Size: int64(len(m.config))},
	}
	for _, l := range layers {
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, err
		}
		doc.Layers = append(doc.Layers, *d)
	}
	if m.raw, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	bill, err := sbom.SPDX(program, config.Created.Time)
	if err != nil {
		return nil, err
	}
	m.sbom, err = attachment(m, sbom.MediaType, bill, annotations)
	return m, err
}

func (s *Spec) history(what string) v1.History { return history(s.Created, what) }

func history(created time.Time, what string) v1.History {
	return v1.History{Created: v1.Time{Time: created}, CreatedBy: "weft build: " + what}
}

// setEnv replaces a variable or adds it.
func setEnv(env []string, name, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	return append(env, name+"="+value)
}

// attachment makes a manifest that refers to another one and holds data of a
// kind, as section "Guidelines for Artifact Usage" of the OCI image
// specification 1.1 has it. The config repeats the kind for registries that
// know 1.0 only.
func attachment(subject *manifest, kind string, data []byte, annotations map[string]string) (*manifest, error) {
	to := subject.descriptor()
	to.Platform = nil
	content := plainBlob(types.MediaType(kind), data)
	m := &manifest{config: []byte("{}"), layers: []v1.Layer{content}, artifact: kind}
	var err error
	m.raw, err = json.Marshal(struct {
		v1.Manifest
		ArtifactType string `json:"artifactType"`
	}{v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: annotations, Subject: &to,
		Config: v1.Descriptor{MediaType: types.MediaType(kind), Digest: hashOf(m.config), Size: int64(len(m.config))},
		Layers: []v1.Descriptor{content.descriptor()},
	}, kind})
	return m, err
}

// Epoch is the time in SOURCE_DATE_EPOCH, in seconds since 1970 as
// reproducible-builds.org specifies; the zero time if it is not set.
func Epoch() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 253402300799 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: must be a number of seconds since 1970-01-01, such as the output of: git log -1 --format=%%ct", text)
	}
	return time.Unix(n, 0).UTC(), nil
}
