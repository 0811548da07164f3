package funcrepository

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/realtest"
)

// limit bounds how long something may take to come up.
const limit = 60 * time.Second

// TestRealFunc has the real func make a project of each template, from a
// repository of git, and build it with its host builder; runs what that image
// holds; and has the same project, untouched, run by weft up and built by weft
// build. All three give the same answers.
func TestRealFunc(t *testing.T) {
	program := realtest.Need(t, "WEFT_TEST_FUNC", "make test-real builds func")
	repository := gitRepository(t)
	weft := filepath.Join(t.TempDir(), "weft")
	run(t, "../..", "go", "build", "-o", weft, "./cmd/weft")
	host := registryServer(t)
	event := []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "test", "ce-type", "order", "content-type", "application/json"}

	for template, tc := range map[string]struct {
		reason string
		calls  []call
		want   []answer
	}{
		"http": {
			reason: "GREETING is of the func.yaml that func makes of the manifest",
			calls:  []call{{method: "GET", path: "/?name=Ada"}, {method: "POST", path: "/anything"}},
			want:   []answer{{200, "", `{"message":"Hello, Ada!"}`}, {405, "", "ask with GET"}},
		},
		"cloudevents": {
			reason: "an event in, an event out",
			calls:  []call{{"POST", "/", event, `{"lines":[{"count":2,"price":150}]}`}},
			want:   []answer{{200, "1-total order.total", `{"cents":300}`}},
		},
		"state": {
			reason: "each visit counts, wherever the state is",
			calls:  []call{{method: "POST", path: "/"}, {method: "POST", path: "/"}},
			want:   []answer{{200, "", `{"visit":1}`}, {200, "", `{"visit":2}`}},
		},
	} {
		t.Run(template, func(t *testing.T) {
			project := filepath.Join(t.TempDir(), "greet")
			run(t, ".", program, "create", "-r", repository, "-t", template, project)
			before := tree(t, project)

			t.Run("weft up", func(t *testing.T) {
				compare(t, tc.reason, tc.calls, tc.want, up(t, weft, project))
			})
			t.Run("weft build", func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "image")
				run(t, project, weft, "build", "--data", t.TempDir(), "--platform", "linux/"+runtime.GOARCH, "--to", "oci:"+out)
				index, err := layout.ImageIndexFromPath(out)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, tc.reason, tc.calls, tc.want, serve(t, project, pick(t, index)))
			})
			if diff := cmp.Diff(before, tree(t, project)); diff != "" {
				t.Errorf("weft changed the project: -before +after:\n%s", diff)
			}
			t.Run("func build", func(t *testing.T) {
				image := host + "/acme/" + template + ":latest"
				run(t, ".", program, "build", "-i", image, project)
				ref, err := name.ParseReference(image, name.Insecure)
				if err != nil {
					t.Fatal(err)
				}
				index, err := remote.Index(ref)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, tc.reason, tc.calls, tc.want, serve(t, project, pick(t, index)))
			})
		})
	}
}

// call is a request, and answer what of its answer counts.
type call struct {
	method, path string
	header       []string
	body         string
}

type answer struct {
	Status      int
	Event, Body string
}

func compare(t *testing.T, reason string, calls []call, want []answer, base string) {
	t.Helper()
	var got []answer
	for _, c := range calls {
		req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(c.header); i += 2 {
			req.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read to its end
		if err != nil {
			t.Fatal(err)
		}
		event := strings.TrimSpace(resp.Header.Get("Ce-Id") + " " + resp.Header.Get("Ce-Type"))
		got = append(got, answer{resp.StatusCode, event, strings.TrimSpace(string(body))})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", reason, diff)
	}
}

// gitRepository is this directory as a repository of git, by its URI.
func gitRepository(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "templates")
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "git", "init", "-q", "-b", "main")
	run(t, dir, "git", "add", ".")
	run(t, dir, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "templates")
	return "file://" + filepath.ToSlash(dir)
}

func registryServer(t *testing.T) string {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// run runs a program to its end.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, dir string, env []string, program string, args ...string) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Errorf("%s: %v", filepath.Base(program), err)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(program), &out)
		}
	})
	return &out
}

// up runs a project under weft up.
func up(t *testing.T, weft, project string) string {
	data := t.TempDir()
	start(t, project, os.Environ(), weft, "up", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", data)
	var base string
	await(t, func() error {
		r, err := adminapi.ReadRun(data)
		if err == nil {
			base = r.HTTP
		}
		return err
	})
	return base
}

// serve unpacks an image and runs its program, with the variables that func run
// would take from func.yaml.
func serve(t *testing.T, project string, image v1.Image) string {
	dir := t.TempDir()
	unpack(t, image, dir)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	command := append(config.Config.Entrypoint, config.Config.Cmd...)
	port := freePort(t)
	env := append(os.Environ(), "PORT="+port, "LISTEN_ADDRESS=127.0.0.1:"+port, "GREETING=Hello")
	start(t, project, env, filepath.Join(dir, filepath.FromSlash(command[0])), command[1:]...)
	base := "http://127.0.0.1:" + port
	await(t, func() error {
		resp, err := http.Get(base + "/health/readiness")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	return base
}

func await(t *testing.T, ready func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not ready after %s: %v", limit, err)
		case <-tick.C:
		}
	}
}

// freePort is one that was free a moment ago: the programs in images take a
// number.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it listened only to have a port
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// pick returns the image for this machine's processor, also of an index within
// the index.
func pick(t *testing.T, index v1.ImageIndex) v1.Image {
	t.Helper()
	images, err := partial.FindImages(index, func(d v1.Descriptor) bool {
		return d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(images) > 0 {
		return images[0]
	}
	inner, err := partial.FindIndexes(index, func(v1.Descriptor) bool { return true })
	if err != nil || len(inner) == 0 {
		t.Fatalf("no image for %s, %v", runtime.GOARCH, err)
	}
	return pick(t, inner[0])
}

func unpack(t *testing.T, image v1.Image, dir string) {
	t.Helper()
	files := mutate.Extract(image)
	defer func() { _ = files.Close() }()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, h.FileInfo().Mode().Perm()|0o200)
		if err == nil {
			_, err = io.Copy(f, r)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tree is what a directory holds, but for what func keeps in .func.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path) // path lies in dir
		files[rel] = fmt.Sprintf("%x", data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
