package buildpack_test

import (
	"archive/tar"
	"bufio"
	"bytes"
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
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weftmesh/weft/internal/realtest"
)

// nobody is the user that the lifecycle and programs run as where the test is
// root: it refuses to run buildpacks as root.
const nobody = 65534

// lifecycle is what `pack build` sets up: a buildpack, a run image and a
// registry, and a cache that stays from one build to the next.
type lifecycle struct {
	t *testing.T
	// programs has the lifecycle's and weft.
	programs string
	// root is a directory that the user of the build can use.
	root     string
	uid, gid int
	registry string
	// proxy is where the build's go command gets modules, and fetched counts
	// how often it has asked.
	proxy   string
	fetched atomic.Int64
}

func newLifecycle(t *testing.T) *lifecycle {
	t.Helper()
	programs := realtest.Need(t, "WEFT_TEST_LIFECYCLE", "make test-real builds the programs of the lifecycle")
	l := &lifecycle{t: t, programs: programs, uid: os.Getuid(), gid: os.Getgid()}
	if l.uid == 0 {
		l.uid, l.gid = nobody, nobody
	}
	// That of the test may be for its own user only.
	root, err := os.MkdirTemp("", "weft-lifecycle-")
	if err != nil {
		t.Fatal(err)
	}
	l.root = root
	t.Cleanup(func() { _ = os.RemoveAll(root) }) // a temporary directory in any case
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(images.Close)
	_, l.registry, _ = strings.Cut(images.URL, "://")
	// Nor may the user of the build read the programs where they are.
	for _, program := range []string{"lifecycle", "launcher"} {
		data, err := os.ReadFile(filepath.Join(l.programs, program))
		if err == nil {
			err = os.WriteFile(filepath.Join(l.root, program), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.serveModules()
	l.buildpack()
	l.push("run", l.runImage())
	l.write("order.toml", "[[order]]\n[[order.group]]\nid = \"weftmesh/weft\"\nversion = \"0.0.0\"\n")
	l.write("run.toml", fmt.Sprintf("[[images]]\nimage = %q\n", l.registry+"/run"))
	l.dir("cache")
	return l
}

// serveModules has the module cache of this machine be a proxy, as the user of
// the build may not read it.
func (l *lifecycle) serveModules() {
	l.t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		l.t.Fatalf("go env: %v", err)
	}
	values := strings.Split(string(out), "\n")
	files := http.FileServer(http.Dir(filepath.Join(values[0], "cache", "download")))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.fetched.Add(1)
		files.ServeHTTP(w, r)
	}))
	l.t.Cleanup(srv.Close)
	l.proxy = srv.URL + "," + values[1]
}

// buildpack packages the buildpack and unpacks the package, as a builder image
// has it.
func (l *lifecycle) buildpack() {
	l.t.Helper()
	place := filepath.Join(l.t.TempDir(), "buildpack")
	weft := exec.Command(filepath.Join(l.programs, "weft"), "build", "--buildpack", "--to", "oci:"+place, "--data", l.t.TempDir())
	if out, err := weft.CombinedOutput(); err != nil {
		l.t.Fatalf("weft build --buildpack: %v\n%s", err, out)
	}
	index, err := layout.ImageIndexFromPath(place)
	if err != nil {
		l.t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, d := range list.Manifests {
		if d.MediaType == types.OCIManifestSchema1 && d.Platform != nil && d.Platform.Architecture == runtime.GOARCH {
			img, err := index.Image(d.Digest)
			if err != nil {
				l.t.Fatal(err)
			}
			unpackImage(l.t, filepath.Join(l.root, "builder"), img)
			return
		}
	}
	l.t.Fatalf("the package has no manifest for %s: %+v", runtime.GOARCH, list.Manifests)
}

// runImage has nothing in it but a user and a place for temporary files.
func (l *lifecycle) runImage() v1.Image {
	l.t.Helper()
	var layer bytes.Buffer
	out := tar.NewWriter(&layer)
	passwd := fmt.Sprintf("app:x:%d:%d:app:/tmp:/sbin/nologin\n", l.uid, l.gid)
	for _, h := range []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o444, Size: int64(len(passwd))},
	} {
		err := out.WriteHeader(h)
		if err == nil && h.Size > 0 {
			_, err = io.WriteString(out, passwd)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		l.t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, staticLayer(l.t, layer.Bytes()))
	if err != nil {
		l.t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		l.t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = fmt.Sprintf("%d:%d", l.uid, l.gid)
	config.Config.Labels = map[string]string{"io.buildpacks.base.distro.name": "none", "io.buildpacks.base.distro.version": "1"}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		l.t.Fatal(err)
	}
	return img
}

func (l *lifecycle) ref(repository string) name.Reference {
	l.t.Helper()
	ref, err := name.ParseReference(l.registry + "/" + repository)
	if err != nil {
		l.t.Fatal(err)
	}
	return ref
}

func (l *lifecycle) push(repository string, img v1.Image) {
	l.t.Helper()
	if err := remote.Write(l.ref(repository), img); err != nil {
		l.t.Fatal(err)
	}
}

// dir makes an empty directory that the user of the build owns.
func (l *lifecycle) dir(path string) string {
	l.t.Helper()
	full := filepath.Join(l.root, path)
	err := errors.Join(os.RemoveAll(full), os.MkdirAll(full, 0o755), os.Chown(full, l.uid, l.gid))
	if err != nil {
		l.t.Fatal(err)
	}
	return full
}

func (l *lifecycle) write(path, content string) {
	l.t.Helper()
	full := filepath.Join(l.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
	for ; full != l.root; full = filepath.Dir(full) {
		if err := os.Chown(full, l.uid, l.gid); err != nil {
			l.t.Fatal(err)
		}
	}
}

// create builds an image of source, by name, as `pack build` does: in new
// directories, with the cache and the registry of the builds before. It
// returns what was printed.
func (l *lifecycle) create(image string, source, env map[string]string) (string, error) {
	l.t.Helper()
	for _, d := range []string{"app", "layers", "platform"} {
		l.dir(d)
	}
	for path, content := range source {
		l.write(filepath.Join("app", path), content)
	}
	for name, value := range map[string]string{"GOPROXY": l.proxy, "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""} {
		l.write(filepath.Join("platform/env", name), value)
	}
	for name, value := range env {
		l.write(filepath.Join("platform/env", name), value)
	}
	at := func(path string) string { return filepath.Join(l.root, path) }
	cmd := exec.Command(at("lifecycle"),
		"-app", at("app"), "-layers", at("layers"), "-platform", at("platform"), "-cache-dir", at("cache"),
		"-buildpacks", at("builder/cnb/buildpacks"), "-order", at("order.toml"), "-run", at("run.toml"), "-run-image", l.registry+"/run",
		"-launcher", at("launcher"), "-launcher-sbom", l.dir("none"), "-build-config", l.dir("none"),
		"-uid", fmt.Sprint(l.uid), "-gid", fmt.Sprint(l.gid), "-process-type", "web", "-no-color", "-log-level", "debug", l.registry+"/"+image)
	// One program is all phases; its name says which.
	cmd.Args[0] = "/cnb/lifecycle/creator"
	cmd.Env = []string{"CNB_PLATFORM_API=0.14", "PATH=" + os.Getenv("PATH"), "HOME=/"}
	cmd.SysProcAttr = l.asUser("")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// asUser has a process be the user of the build, with root as its file system.
func (l *lifecycle) asUser(root string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Chroot: root}
	if os.Getuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(l.uid), Gid: uint32(l.gid)}
	} else if root != "" {
		// Only root may change it: of a namespace of its own, that is.
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: l.uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: l.gid, Size: 1}}
	}
	return attr
}

// pulled is an image that was pulled and unpacked.
type pulled struct {
	l      *lifecycle
	root   string
	digest string
	config v1.Config
}

func (l *lifecycle) pull(repository string) *pulled {
	l.t.Helper()
	img, err := remote.Image(l.ref(repository))
	if err != nil {
		l.t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		l.t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		l.t.Fatal(err)
	}
	p := &pulled{l: l, root: l.dir("image"), digest: digest.String(), config: config.Config}
	unpackImage(l.t, p.root, img)
	return p
}

// command is the image's entrypoint in its own file system, as its user.
func (p *pulled) command(args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: p.config.Entrypoint[0], Args: append(p.config.Entrypoint, args...), Dir: "/", Env: p.config.Env}
	cmd.SysProcAttr = p.l.asUser(p.root)
	return cmd
}

// serve starts the image on a port of its choice, hands do its address, and
// ends it as a cluster does.
func (p *pulled) serve(do func(url string)) {
	t := p.l.t
	t.Helper()
	cmd := p.command()
	cmd.Env = append(cmd.Env, "PORT=0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			do(line.Address)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(&said, stderr) // until its end
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v:\n%s", err, &said)
			}
			return
		}
	}
	t.Fatalf("it ended before it served:\n%s", &said)
}
