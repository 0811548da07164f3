package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// dockerConfig is Docker's configuration for a test, with credentials for
// host or other content.
func dockerConfig(t *testing.T, content map[string]any) {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}

func loggedIn(host, user, password string) map[string]any {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return map[string]any{"auths": map[string]any{host: map[string]string{"auth": auth}}}
}

// refuses answers all but /v2/ with a status and, except to HEAD, a message.
func refuses(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": "DENIED", "message": message}}})
	}
}

// readOnly lets everything be asked for and nothing be written.
func readOnly(status int, message string) http.HandlerFunc {
	images := registry.New(registry.Logger(quiet))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			images.ServeHTTP(w, r)
			return
		}
		refuses(status, message)(w, r)
	}
}

// tokens wants a token and gives none, with the password in its message.
func tokens(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		_, password, _ := r.BasicAuth()
		refuses(http.StatusUnauthorized, "wrong password "+password)(w, r)
		return
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="images"`, r.Host))
	w.WriteHeader(http.StatusUnauthorized)
}

func TestRegistryErrors(t *testing.T) {
	img := build(t, Spec{Programs: theProbe(t)})
	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		tls     bool
		docker  func(host string) map[string]any
		want    []string
		status  int
	}{
		"NoCredentials": {
			reason: "401 without credentials says to log in", handler: readOnly(http.StatusUnauthorized, "authentication required"),
			status: 401, want: []string{"Docker's configuration has none", "authentication required", "docker login"},
		},
		"WrongCredentials": {
			reason: "401 with credentials says that they are refused, and not what they are", handler: tokens,
			docker: func(host string) map[string]any { return loggedIn(host, "ann", "s3cret-word") },
			status: 401, want: []string{"refuses the credentials", "wrong password ***", "docker login"},
		},
		"Forbidden": {
			reason: "403 is no matter of logging in alone", handler: readOnly(http.StatusForbidden, "no push"),
			status: 403, want: []string{"may not push", "no push", "right to push"},
		},
		"NotFound": {
			reason: "404 means that the repository has to be made first", handler: readOnly(http.StatusNotFound, "no such repository"),
			status: 404, want: []string{"no such repository", "create it", "--to"},
		},
		"ReadOnly": {
			reason: "405 is a mirror", handler: readOnly(http.StatusMethodNotAllowed, "a mirror"),
			status: 405, want: []string{"takes no images", "a mirror"},
		},
		"TooLarge": {
			reason: "413 comes from a proxy, without JSON", handler: readOnly(http.StatusRequestEntityTooLarge, ""),
			status: 413, want: []string{"too large"},
		},
		"TLS": {
			reason: "a certificate of an unknown authority", handler: refuses(http.StatusTeapot, ""), tls: true,
			want: []string{"certificate is not accepted", "unknown authority", "SSL_CERT_FILE"},
		},
		"Helper": {
			reason: "a credential helper that is not there", handler: refuses(http.StatusTeapot, ""),
			docker: func(string) map[string]any { return map[string]any{"credsStore": "weft-absent"} },
			want:   []string{"credential helper", "credsStore"},
		},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(tc.handler)
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			if tc.tls {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			_, at, _ := strings.Cut(srv.URL, "://")
			docker := map[string]any{}
			if tc.docker != nil {
				docker = tc.docker(at)
			}
			dockerConfig(t, docker)
			err := Write(context.Background(), Target{}, []Item{{img, at + "/team/probe:v1"}}, Options{})
			checkRegistryError(t, tc.reason, err, at, "team/probe", tc.status, tc.want)
			if tc.status == http.StatusNotFound || tc.tls {
				_, err := NewBase(context.Background(), at+"/team/base", Options{})
				if err == nil || !strings.Contains(err.Error(), "base: registry "+at) {
					t.Errorf("as a base: %v", err)
				}
			}
		})
	}
}

func checkRegistryError(t *testing.T, reason string, err error, host, repository string, status int, want []string) {
	t.Helper()
	var e *RegistryError
	if !errors.As(err, &e) {
		t.Fatalf("%s: got %T %v", reason, err, err)
	}
	text := e.Error() + "\n" + e.Hint()
	for _, w := range append(want, host, repository) {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q is not in:\n%s", reason, w, text)
		}
	}
	if e.Status != status {
		t.Errorf("%s: status %d", reason, e.Status)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, e.Reason, e.Hint()), "s3cret") {
		t.Errorf("%s: the password is in the error", reason)
	}
}

func TestRegistryRefusesConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	img := build(t, Spec{Programs: theProbe(t)})
	err = Write(context.Background(), Target{}, []Item{{img, at + "/probe:v1"}}, Options{})
	checkRegistryError(t, "nothing listens", err, at, "probe", 0, []string{"nothing listens", "host and port"})
}

// TestExplain has errors explained that no server on loopback gives, where
// plain HTTP is always tried.
func TestExplain(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   string
	}{
		"PlainHTTP": {"HTTPS is spoken to a server of HTTP", errors.New(`Get "https://r/v2/": http: server gave HTTP response to HTTPS client`), "--insecure"},
		"NoHost":    {"the name has no address", &net.DNSError{Err: "no such host", Name: "r"}, "no host of that name"},
		"Deadline":  {"it takes too long", os.ErrDeadlineExceeded, "in time"},
		"Other":     {"anything else keeps its words, on one line", errors.New("it is\ncomplicated"), "it is complicated"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			ctx := context.Background()
			repo, err := name.NewRepository("registry.example.com/probe")
			if err != nil {
				t.Fatal(err)
			}
			err = newClient(ctx, Options{}).explain(ctx, repo, tc.err)
			checkRegistryError(t, tc.reason, err, "registry.example.com", "probe", 0, []string{tc.want})
		})
	}
}

// TestInsecure has plain HTTP only where it was asked for.
func TestInsecure(t *testing.T) {
	for insecure, want := range map[bool]string{true: "http", false: "https"} {
		c := newClient(context.Background(), Options{Insecure: insecure})
		tag, err := name.NewTag("registry.example.com/probe:v1", c.parse...)
		if err != nil {
			t.Fatal(err)
		}
		if got := tag.Scheme(); got != want {
			t.Errorf("insecure %v: the scheme is %s", insecure, got)
		}
	}
}

// TestNothingHalfPushed has one of two images refused: no tag is there then,
// not even that of the other.
func TestNothingHalfPushed(t *testing.T) {
	images := registry.New(registry.Logger(quiet))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/v2/second/manifests/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		images.ServeHTTP(w, r)
	}))
	defer srv.Close()
	dockerConfig(t, nil)
	at := strings.TrimPrefix(srv.URL, "http://")
	img := build(t, Spec{Programs: theProbe(t)})
	items := []Item{{img, at + "/first:v1"}, {img, at + "/second:v1"}}
	if err := Write(context.Background(), Target{}, items, Options{}); err == nil {
		t.Fatal("the refusal is no error")
	}
	for _, it := range items {
		tag, err := name.NewTag(it.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Head(tag); err == nil {
			t.Errorf("%s is there", tag)
		}
	}
}

func TestWriteEndsWithContext(t *testing.T) {
	img := build(t, Spec{Programs: theProbe(t)})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newStore(t)
	dir := t.TempDir()
	for _, to := range []string{"", "oci:" + filepath.Join(dir, "a"), "tar:" + filepath.Join(dir, "b")} {
		target, err := ParseTarget(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(ctx, target, []Item{{img, s.host() + "/probe:v1"}}, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", target, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("there are %v (%v)", left, err)
	}
}

func TestUnwritable(t *testing.T) {
	img := build(t, Spec{Programs: theProbe(t)})
	dir := t.TempDir()
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "file"))
	write(filepath.Join(dir, "full", "letter"))
	cases := map[string]struct{ reason, target, want string }{
		"LayoutBelowFile":  {"a file is where a directory would be", "oci:" + dir + "/file/out", "cannot be written"},
		"ArchiveBelowFile": {"a file is where a directory would be", "tar:" + dir + "/file/out", "cannot be written"},
		"LayoutOverFile":   {"a file is not replaced by a directory", "oci:" + dir + "/file", "a file in its place"},
		"LayoutOverOthers": {"other files are not lost", "oci:" + dir + "/full", "other files"},
		"ArchiveOverDir":   {"a directory is not replaced by a file", "tar:" + dir + "/full", "something else in place"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			target, err := ParseTarget(tc.target)
			if err != nil {
				t.Fatal(err)
			}
			err = Write(context.Background(), target, []Item{{img, "probe:v1"}}, Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.target) {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
	for _, path := range []string{"file", "full/letter"} {
		if data, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(data) != "mine" {
			t.Errorf("%s is %q (%v)", path, data, err)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	programs := theProbe(t)
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		spec   Spec
		want   string
	}{
		"Name":    {"a name that is a path", Spec{Name: "../probe", Programs: programs}, "letters a-z"},
		"Nothing": {"no program", Spec{Name: "probe"}, "no program"},
		"Absent":  {"the file is not there", Spec{Name: "probe", Programs: []Program{{host, text + "2"}}}, "no such file"},
		"NotGo":   {"a file that is no Go program", Spec{Name: "probe", Programs: []Program{{host, text}}}, "no Go program"},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			if _, err := Build(context.Background(), tc.spec); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}
