package cli_test

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// registryFile holds the address of the registry of a script.
const registryFile = ".registry"

// registryMain is the program "registry [STATUS|MODE]": a registry of images,
// or one that answers everything with the status. The modes: tls has a
// certificate that nobody knows, login wants user "ann" with password "s3cret",
// noreferrers knows no referrers, breaks ends connections in the middle of an
// upload, manifests refuses these after all blobs, circle redirects to itself,
// and hang never answers an upload. It prints what is put into it.
func registryMain() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(mode != "noreferrers"))
	status, _ := strconv.Atoi(mode) // other words are no status
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mode == "login" || status == http.StatusUnauthorized {
			user, password, _ := r.BasicAuth()
			if status != 0 || user != "ann" || password != "s3cret" {
				w.Header().Set("WWW-Authenticate", `Basic realm="images"`)
				w.WriteHeader(http.StatusUnauthorized)
				_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{
					"code": "UNAUTHORIZED", "message": "no access for " + user + " with " + password}}})
				return
			}
		}
		if status != 0 && r.URL.Path != "/v2/" {
			w.WriteHeader(status)
			return
		}
		upload := r.Method == http.MethodPatch || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/")
		switch {
		case mode == "circle" && r.URL.Path != "/v2/":
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			return
		case mode == "breaks" && upload:
			_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
			panic(http.ErrAbortHandler)
		case mode == "hang" && upload:
			if err := os.WriteFile("upload", []byte("begun"), 0o644); err != nil {
				fatal(err)
			}
			<-r.Context().Done()
			return
		case mode == "manifests" && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/"):
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{
				"code": "MANIFEST_INVALID", "message": "no indexes here"}}})
			return
		}
		if r.Method == http.MethodPut {
			fmt.Println("PUT", r.URL.Path)
		}
		images.ServeHTTP(w, r)
	})
	start := httptest.NewServer
	if mode == "tls" {
		start = httptest.NewTLSServer
	}
	srv := start(handler)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	_, host, _ := strings.Cut(srv.URL, "://")
	if err := os.WriteFile(registryFile+".new", []byte(host), 0o644); err != nil {
		fatal(err)
	}
	if err := os.Rename(registryFile+".new", registryFile); err != nil {
		fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

// waitRegistry waits for the program "registry" and sets $REGISTRY:
//
//	waitregistry
func waitRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: waitregistry")
	}
	file := ts.MkAbs(registryFile)
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(5 * time.Millisecond) {
		host, err := os.ReadFile(file)
		if err == nil {
			ts.Setenv("REGISTRY", string(host))
			ts.Check(os.Remove(file))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("there was no registry after %s", waitLimit)
		}
	}
}

// loginMain is the program "login HOST USER PASSWORD": it writes Docker's
// configuration.
func loginMain() {
	auth := base64.StdEncoding.EncodeToString([]byte(os.Args[2] + ":" + os.Args[3]))
	config, err := json.Marshal(map[string]any{"auths": map[string]any{os.Args[1]: map[string]string{"auth": auth}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), config, 0o600)
	}
	if err != nil {
		fatal(err)
	}
}

// pullMain is the program "pull REF FILE": it writes the program in an image
// for this machine's platform to a file, and prints the image's config.
func pullMain() {
	if err := pullProgram(os.Args[1], os.Args[2]); err != nil {
		fatal(err)
	}
}

func pullProgram(ref, file string) error {
	r, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	img, err := remote.Image(r, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(config); err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	content, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	for files := tar.NewReader(content); ; {
		h, err := files.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		if path.Clean("/"+h.Name) != config.Config.Entrypoint[0] {
			continue
		}
		out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, files)
		return errors.Join(err, out.Close())
	}
}
