//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func TestAnswer(t *testing.T) {
	cases := map[string]struct {
		reason, in     string
		status, length int
		fails          bool
	}{
		"body":      {"its length tells where it ends", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nokHTTP", 200, 46, false},
		"none":      {"204 has no body", "HTTP/1.1 204 No Content\r\n\r\nHTTP", 204, 27, false},
		"short":     {"more is to come", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", 0, 0, false},
		"head":      {"likewise", "HTTP/1.1 200 OK\r\nContent-", 0, 0, false},
		"unknown":   {"chunks are not expected", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, true},
		"no status": {"something else listens", "SSH-2.0-OpenSSH\r\n\r\n", 0, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, length, err := answer([]byte(tc.in))
			if length != tc.length || !tc.fails && length > 0 && status != tc.status || (err != nil) != tc.fails {
				t.Fatalf("%s: %d, %d, %v", tc.reason, status, length, err)
			}
		})
	}
}

func TestClosedLoop(t *testing.T) {
	var calls atomic.Int64
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			<-hang
		}
		handler.HTTP(w, r)
	}))
	defer server.Close()
	defer close(hang)
	addr := server.Listener.Addr().String()
	o, err := closedLoop(t.Context(), addr, plainRequest, 200, 4, 20*time.Millisecond)
	if err != nil || o.lost != 1 || o.answers == 0 || o.answers+1 > calls.Load() {
		t.Errorf("%+v, %v, after %d calls", o, err, calls.Load())
	}
	if _, err := closedLoop(t.Context(), addr, plainRequest, 204, 2, time.Millisecond); err == nil {
		t.Error("another status is no failure")
	}
}

// TestHostFigures puts figures together from turns.
func TestHostFigures(t *testing.T) {
	of := func(rates ...float64) *hosted {
		s := &hosted{rates: rates}
		for _, r := range rates {
			s.costs = append(s.costs, time.Duration(float64(time.Second)/r))
		}
		return s
	}
	h := &hosts{bare: of(100, 1000, 1000), weft: of(90, 800, 950), knative: of(1), framework: of(1000), behind: of(500),
		weftEvents: of(900), frameworkEvents: of(600), funcgo: of(450), bareEvents: of(1200)}
	var r building
	h.figures(&r)
	if r.HTTP.Ratio != 0.9 || r.HTTP.Weft != 800 || r.HTTP.NetHTTPUS != 1000 || r.Framework.Ratio != 0.5 ||
		r.CloudEvents.Ratios.Framework != 1.5 || r.CloudEvents.Ratios.FuncGo != 2 || r.CloudEvents.Ratios.NetHTTPFramework != 2 {
		t.Errorf("%+v", r)
	}
	b, err := json.Marshal(report{Builder: r})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"builder", "host_http", "net_http_rps", "cloudevents", "functions_framework_rps", "func_go_rps", "ratios", "rebuild", "go_build_ms", "image", "image_mb", "framework_behind_host"} {
		if !bytes.Contains(b, []byte(`"`+key+`"`)) {
			t.Errorf("%s is missing in %s", key, b)
		}
	}
}

func TestSizeOf(t *testing.T) {
	program := make([]byte, 1<<20)
	if _, err := rand.NewChaCha8([32]byte{}).Read(program); err != nil { // does not compress
		t.Fatal(err)
	}
	layer := func(name string, content []byte) v1.Layer {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	image, err := mutate.AppendLayers(empty.Image, layer("etc/passwd", []byte("root")), layer("app/program", program))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := at.AppendImage(image, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"})); err != nil {
		t.Fatal(err)
	}
	size, err := sizeOf(dir)
	if err != nil || size.Binary != 1 || size.Compressed < 1 || size.Image < size.Compressed {
		t.Errorf("%+v, %v", size, err)
	}
}
