package image

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A registry may have blobs uploaded elsewhere: whoever is there does not get
// the credentials for the registry, not even on the same machine.
func TestRedirectsGetNoCredentials(t *testing.T) {
	img := build(t, Spec{Programs: theProbe(t)})
	for name, tc := range map[string]struct {
		reason string
		// host is what the registry calls the machine of the storage.
		host string
		// token has credentials exchanged for a token.
		token bool
	}{
		"port":        {"another port is another server", "127.0.0.1", false},
		"host":        {"another host", "localhost", false},
		"token, port": {"a token is a credential too", "127.0.0.1", true},
		"token, host": {"on another host", "localhost", true},
	} {
		t.Run(name, func(t *testing.T) {
			images := registry.New(registry.Logger(quiet))
			var uploads, leaks atomic.Int64
			storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				uploads.Add(1)
				if r.Header.Get("Authorization") != "" {
					leaks.Add(1)
				}
				images.ServeHTTP(w, r)
			}))
			defer storage.Close()
			_, port, err := net.SplitHostPort(strings.TrimPrefix(storage.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				given := r.Header.Get("Authorization")
				switch {
				case r.URL.Path == "/token":
					if user, password, _ := r.BasicAuth(); user != "ann" || password != "s3cret-word" {
						t.Errorf("the token is asked for by %q", user)
					}
					fmt.Fprint(w, `{"token":"t0ken"}`)
				case tc.token && given != "Bearer t0ken":
					w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="images"`)
					w.WriteHeader(http.StatusUnauthorized)
				case given == "":
					w.Header().Set("WWW-Authenticate", `Basic realm="images"`)
					w.WriteHeader(http.StatusUnauthorized)
				case r.Method == http.MethodPost:
					http.Redirect(w, r, "http://"+net.JoinHostPort(tc.host, port)+r.URL.RequestURI(), http.StatusTemporaryRedirect)
				default:
					images.ServeHTTP(w, r)
				}
			}))
			defer front.Close()
			at := strings.TrimPrefix(front.URL, "http://")
			dockerConfig(t, loggedIn(at, "ann", "s3cret-word"))
			if err := Write(context.Background(), Target{}, []Item{{img, at + "/team/probe:v1"}}, Options{}); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if uploads.Load() == 0 || leaks.Load() > 0 {
				t.Errorf("%s: %d of %d requests had credentials", tc.reason, leaks.Load(), uploads.Load())
			}
		})
	}
}
