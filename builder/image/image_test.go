package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weftmesh/weft/builder/sbom"
)

// probe says what a program finds around it in its image.
const probe = `
-- go.mod --
module example.com/probe

go 1.25
-- main.go --
package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"time"
)

const greeting = "hello"

func main() {
	_, zone := time.LoadLocation("Europe/Berlin")
	pem, _ := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	fmt.Println(greeting, os.Args[0], "port", os.Getenv("PORT"), "uid", os.Getuid())
	fmt.Println("zones", zone == nil, "certificates", x509.NewCertPool().AppendCertsFromPEM(pem))
	fmt.Println("tmp", os.WriteFile("/tmp/a", nil, 0o600) == nil, "home", os.WriteFile(os.Getenv("HOME")+"/a", nil, 0o600) == nil,
		"program", os.Remove(os.Args[0]) == nil)
}
`

// project writes the probe to a new directory.
func project(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(probe)).Files {
		if err := os.WriteFile(filepath.Join(root, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// compile builds the project as builder does.
func compile(t testing.TB, root string, platforms ...Platform) []Program {
	t.Helper()
	var programs []Program
	for _, p := range platforms {
		binary := filepath.Join(root, "bin", p.OS+"-"+p.Arch, "probe")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		programs = append(programs, Program{p, binary})
	}
	return programs
}

// shared is the directory of the probe that most tests take, compiled once.
var shared struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir) // a temporary directory in any case
	}
	os.Exit(code)
}

// theProbe is the probe for the platform of this machine.
func theProbe(t testing.TB) []Program {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "probe-")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(project(t))); err != nil {
			t.Fatal(err)
		}
		compile(t, dir, host)
		shared.dir = dir
	}
	return []Program{{host, filepath.Join(shared.dir, "bin", host.OS+"-"+host.Arch, "probe")}}
}

func build(t testing.TB, spec Spec) *Image {
	t.Helper()
	if spec.Name == "" {
		spec.Name = "probe"
	}
	img, err := Build(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// quiet is where registries of tests log.
var quiet = log.New(io.Discard, "", 0)

var host = Platform{"linux", runtime.GOARCH}

// store is a registry in this process that counts what it takes.
type store struct {
	mu     sync.Mutex
	puts   map[string]int
	server *httptest.Server
}

func newStore(t testing.TB, opts ...registry.Option) *store {
	t.Helper()
	s := &store{puts: make(map[string]int)}
	handler := registry.New(append(opts, registry.Logger(quiet))...)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			s.mu.Lock()
			what := "manifest"
			if strings.Contains(r.URL.Path, "/blobs/") {
				what = "blob"
			}
			s.puts[what]++
			s.mu.Unlock()
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *store) host() string { return strings.TrimPrefix(s.server.URL, "http://") }

func (s *store) take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.puts
	s.puts = make(map[string]int)
	return p
}

// unpack writes the files of an image below a new directory.
func unpack(t *testing.T, img v1.Image) string {
	t.Helper()
	root := t.TempDir()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for files := tar.NewReader(r); ; {
			h, err := files.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			path, mode := filepath.Join(root, h.Name), h.FileInfo().Mode()
			if h.Typeflag == tar.TypeDir {
				err = os.MkdirAll(path, 0o755)
			} else {
				var data []byte
				if data, err = io.ReadAll(files); err == nil {
					err = os.WriteFile(path, data, 0o644)
				}
			}
			if err == nil && os.Geteuid() == 0 {
				err = os.Chown(path, h.Uid, h.Gid)
			}
			if err = errors.Join(err, os.Chmod(path, mode)); err != nil {
				t.Fatal(err)
			}
			if !h.ModTime.Equal(time.Unix(0, 0)) {
				t.Errorf("%s has a time: %s", h.Name, h.ModTime)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// start runs the program of an image: as root in the image's own files and as
// its user, else as it is, with the paths below root.
func start(t *testing.T, img v1.Image) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("images hold programs for Linux, which run there alone")
	}
	root := unpack(t, img)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("the user is %q", config.Config.User)
	}
	program := config.Config.Entrypoint[0]
	cmd := exec.Command(filepath.Join(root, program))
	cmd.Env = config.Config.Env
	if os.Geteuid() == 0 {
		if err := os.Chmod(root, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd = &exec.Cmd{Path: program, Args: []string{program}, Env: config.Config.Env, Dir: "/"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("run %s: %v\n%s", program, err, out)
	}
	return string(out)
}

func ran(greeting string) string {
	return greeting + " /app/probe port 8080 uid 65532\nzones true certificates true\ntmp true home true program false\n"
}

func pull(t *testing.T, ref string) v1.ImageIndex {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := remote.Index(r)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

// imageOf returns the image of a platform.
func imageOf(t *testing.T, idx v1.ImageIndex, p Platform) v1.Image {
	t.Helper()
	list, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list.Manifests {
		if d.Platform != nil && d.Platform.OS == p.OS && d.Platform.Architecture == p.Arch {
			img, err := idx.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return img
		}
	}
	t.Fatalf("no image for %s", p)
	return nil
}

// TestPushedImageRuns has an image pushed, pulled, checked in all its parts
// and run.
func TestPushedImageRuns(t *testing.T) {
	s := newStore(t, registry.WithReferrersSupport(true))
	annotations := Annotations("probe", "v1.2.3", Origin{Source: "https://example.com/shop", Revision: "abc"}, time.Time{})
	img := build(t, Spec{Programs: compile(t, project(t), Platforms...), Annotations: annotations})
	ref := s.host() + "/team/shop-probe:v1.2.3"
	if err := Write(context.Background(), Target{}, []Item{{img, ref}}, Options{}); err != nil {
		t.Fatal(err)
	}
	idx := pull(t, ref)
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
	if h, err := idx.Digest(); err != nil || h.String() != img.Digest {
		t.Errorf("pulled %s, built %s (%v)", h, img.Digest, err)
	}
	list, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range list.Manifests {
		platforms = append(platforms, d.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64/v8"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(annotations, list.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	for _, p := range Platforms {
		checkMaterials(t, s, ref, imageOf(t, idx, p))
	}
	pulled := imageOf(t, idx, host)
	config, err := pulled.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(annotations, config.Config.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ran("hello"), start(t, pulled)); os.Geteuid() == 0 && diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// checkMaterials looks for the list of modules among what refers to an image.
func checkMaterials(t *testing.T, s *store, ref string, img v1.Image) {
	t.Helper()
	subject, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repo, _ := SplitRef(ref)
	at, err := name.NewDigest(repo + "@" + subject.String())
	if err != nil {
		t.Fatal(err)
	}
	idx, err := remote.Referrers(at)
	if err != nil {
		t.Fatal(err)
	}
	list, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != 1 || list.Manifests[0].ArtifactType != sbom.MediaType {
		t.Fatalf("%s: referrers are %+v", s.host(), list.Manifests)
	}
	bill, err := remote.Image(at.Digest(list.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := bill.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers %v: %v", layers, err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var doc struct{ Packages []struct{ Name string } }
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range doc.Packages {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"probe", "std", "example.com/probe"}, names); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func TestSameDigest(t *testing.T) {
	first := build(t, Spec{Programs: compile(t, project(t), Platforms...)})
	again := compile(t, project(t), Platforms...)
	second := build(t, Spec{Programs: again})
	if first.Digest != second.Digest {
		t.Errorf("two directories make %s and %s", first.Digest, second.Digest)
	}
	if third := build(t, Spec{Programs: again}); third.Digest != first.Digest {
		t.Error("a kept layer makes another image")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	at, err := Epoch()
	if err != nil {
		t.Fatal(err)
	}
	dated := build(t, Spec{Programs: again, Created: at})
	if dated.Digest == first.Digest {
		t.Error("the time of SOURCE_DATE_EPOCH is not in the image")
	}
	for i, m := range dated.manifests {
		a, _ := m.layers[1].Digest()
		b, _ := first.manifests[i].layers[1].Digest()
		if a != b {
			t.Error("SOURCE_DATE_EPOCH changes a layer")
		}
	}
}

// TestRebuildPushesWhatChanged counts what a registry is sent.
func TestRebuildPushesWhatChanged(t *testing.T) {
	s := newStore(t, registry.WithReferrersSupport(true))
	root := project(t)
	ref := s.host() + "/probe:latest"
	pushed := func() map[string]int {
		t.Helper()
		img := build(t, Spec{Programs: compile(t, root, host)})
		if err := Write(context.Background(), Target{}, []Item{{img, ref}}, Options{}); err != nil {
			t.Fatal(err)
		}
		return s.take()
	}
	// Files, program, config, list of modules and its empty config; image,
	// index, list, and the tag.
	if diff := cmp.Diff(map[string]int{"blob": 5, "manifest": 4}, pushed()); diff != "" {
		t.Errorf("the first push (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{}, pushed()); diff != "" {
		t.Errorf("nothing changed (-want +got):\n%s", diff)
	}
	edit(t, root, `"hello"`, `"good day"`)
	// Program, config, list of modules.
	if diff := cmp.Diff(map[string]int{"blob": 3, "manifest": 4}, pushed()); diff != "" {
		t.Errorf("a line changed (-want +got):\n%s", diff)
	}
	if out := start(t, imageOf(t, pull(t, ref), host)); !strings.HasPrefix(out, "good day") {
		t.Errorf("the new program says %q", out)
	}
}

func edit(t testing.TB, root, from, to string) {
	t.Helper()
	path := filepath.Join(root, "main.go")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte(from), []byte(to), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLayout(t *testing.T) {
	programs := theProbe(t)
	img := build(t, Spec{Programs: programs})
	place := filepath.Join(t.TempDir(), "deep", "out")
	target, err := ParseTarget("oci:" + place)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over the first
		if err := Write(context.Background(), target, []Item{{img, "shop-probe:v1"}}, Options{}); err != nil {
			t.Fatal(err)
		}
		path, err := layout.FromPath(place)
		if err != nil {
			t.Fatal(err)
		}
		idx, err := path.ImageIndex()
		if err != nil {
			t.Fatal(err)
		}
		list, err := idx.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if got := list.Manifests[0]; got.Digest.String() != img.Digest || got.Annotations[annotationRefName] != "shop-probe:v1" || len(list.Manifests) != 2 {
			t.Errorf("index.json has %+v", list.Manifests)
		}
		inner, err := idx.ImageIndex(list.Manifests[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(inner); err != nil {
			t.Error(err)
		}
		if out := start(t, imageOf(t, inner, host)); !strings.HasPrefix(out, "hello") {
			t.Errorf("the program says %q", out)
		}
	}
	left, err := os.ReadDir(filepath.Dir(place))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the layout there is %v (%v)", left, err)
	}
}

func TestArchive(t *testing.T) {
	img := build(t, Spec{Programs: theProbe(t)})
	var archives [2][]byte
	for i := range archives {
		place := filepath.Join(t.TempDir(), "out.tar")
		target, err := ParseTarget("tar:" + place)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(context.Background(), target, []Item{{img, "shop-probe:v1"}}, Options{}); err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag("shop-probe:v1")
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := tarball.ImageFromPath(place, &tag)
		if err != nil {
			t.Fatal(err)
		}
		if out := start(t, loaded); !strings.HasPrefix(out, "hello") {
			t.Errorf("the program says %q", out)
		}
		if archives[i], err = os.ReadFile(place); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same image makes two archives")
	}
}

// TestSize holds an image to the size of its compressed program and 3 MB.
func TestSize(t *testing.T) {
	programs := theProbe(t)
	img := build(t, Spec{Programs: programs})
	layer, err := img.manifests[0].layers[1].Size()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("program %d bytes compressed, image %d: %d more", layer, img.Size, img.Size-layer)
	if img.Size-layer > 3<<20 {
		t.Errorf("the image has %d bytes beside its program, at most 3 MB are allowed", img.Size-layer)
	}
}

// BenchmarkImage compares the making of an image after a change with the
// compilation before it.
func BenchmarkImage(b *testing.B) {
	root := project(b)
	compile(b, root, host)
	var compiling, packing time.Duration
	last := `"hello"`
	for i := 0; b.Loop(); i++ {
		next := fmt.Sprintf("%q", fmt.Sprint("hello ", i))
		edit(b, root, last, next)
		last = next
		began := time.Now()
		programs := compile(b, root, host)
		compiling += time.Since(began)
		began = time.Now()
		build(b, Spec{Programs: programs})
		packing += time.Since(began)
	}
	b.ReportMetric(float64(compiling+packing)/float64(compiling), "times-go-build")
	b.ReportMetric(float64(packing.Milliseconds())/float64(b.N), "image-ms/op")
}
