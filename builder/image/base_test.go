package image

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pushBase puts an image of Docker's kind with one layer into a registry.
func pushBase(t *testing.T, ref string, p Platform) v1.Image {
	t.Helper()
	layer, err := random.Layer(1000, types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = p.OS, p.Arch
	config.Config = v1.Config{
		Env: []string{"PATH=/bin", "PORT=80"}, Cmd: []string{"sh"}, Entrypoint: []string{"/bin/init"}, User: "root",
		Labels: map[string]string{"vendor": "acme"}, WorkingDir: "/srv",
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestBase(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	under := s.host() + "/base:v1"
	pushed := pushBase(t, under, host)
	base, err := NewBase(ctx, under, Options{})
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, Spec{Programs: theProbe(t), Base: base})
	ref := s.host() + "/probe:v1"
	if err := Write(ctx, Target{}, []Item{{img, ref}}, Options{}); err != nil {
		t.Fatal(err)
	}
	idx := pull(t, ref)
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
	got := imageOf(t, idx, host)
	m, err := got.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := pushed.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{
		"org.opencontainers.image.base.name": under, "org.opencontainers.image.base.digest": digest.String(),
	}, m.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	var kinds []types.MediaType
	for _, l := range m.Layers {
		kinds = append(kinds, l.MediaType)
	}
	if diff := cmp.Diff([]types.MediaType{types.OCILayer, types.OCILayer}, kinds); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	config, err := got.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1.Config{
		Env: []string{"PATH=/bin", "PORT=8080"}, Entrypoint: []string{"/app/probe"}, User: "65532:65532", WorkingDir: "/srv",
		Labels: map[string]string{"vendor": "acme"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
	}, config.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestBaseErrors(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	for _, none := range []string{"", "scratch"} {
		if b, err := NewBase(ctx, none, Options{}); b != nil || err != nil {
			t.Errorf("%q: got %v, %v", none, b, err)
		}
	}
	cases := map[string]struct{ reason, ref, want string }{
		"Form":     {"not a reference", "Not A Ref", "no reference of an image"},
		"Password": {"a password is not shown", "ann:s3cret@host/base", "no reference of an image"},
		"Absent":   {"the registry has none of that name", s.host() + "/absent:v1", "there is no such image"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			_, err := NewBase(ctx, tc.ref, Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
	other := Platform{"linux", "s390x"}
	pushBase(t, s.host()+"/other:v1", other)
	foreign, err := NewBase(ctx, s.host()+"/other:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Build(ctx, Spec{Name: "probe", Programs: []Program{{host, "unused"}}, Base: foreign})
	if err == nil || !strings.Contains(err.Error(), "is for linux/s390x") {
		t.Errorf("an image of another platform: %v", err)
	}

	own := build(t, Spec{Programs: theProbe(t)})
	if err := Write(ctx, Target{}, []Item{{own, s.host() + "/index:v1"}}, Options{}); err != nil {
		t.Fatal(err)
	}
	index, err := NewBase(ctx, s.host()+"/index:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Build(ctx, Spec{Name: "probe", Programs: []Program{{other, "unused"}}, Base: index})
	if err == nil || !strings.Contains(err.Error(), "has no image for linux/s390x") {
		t.Errorf("an index without the platform: %v", err)
	}
}
