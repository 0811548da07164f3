package builder

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkHosts is what hosting costs for each request: the same handler bare,
// in a framework's own server, and behind the host.
func BenchmarkHosts(b *testing.B) {
	const hello = `
func hello(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); io.WriteString(w, "{\"hello\":\"world\"}") }
`
	const listens = `
func serving() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	slog.Info("serving", "address", "http://"+l.Addr().String())
	PLACE
}
`
	cases := []struct {
		name, source string
		packages     []string
	}{
		{"bare", `
-- functions/hello/main.go --
package main

import ("io"; "log/slog"; "net"; "net/http"; "os")

func main() { serving() }
` + hello + strings.Replace(listens, "PLACE", `panic(http.Serve(l, http.HandlerFunc(hello)))`, 1), nil},
		{"func behind the host", `
-- functions/hello/f.go --
package function

import ("io"; "net/http")

func Handle(w http.ResponseWriter, r *http.Request) { hello(w, r) }
` + hello, nil},
		{"framework alone", `
-- functions/hello/main.go --
package main

import ("io"; "log/slog"; "net"; "net/http"; "os"; "github.com/GoogleCloudPlatform/functions-framework-go/functions"; "github.com/GoogleCloudPlatform/functions-framework-go/funcframework")

func init() { functions.HTTP("hello", hello) }

func main() {
	_, port, _ := net.SplitHostPort(serving())
	panic(funcframework.StartHostPort("127.0.0.1", port))
}
` + hello + strings.Replace(listens, "PLACE", `l.Close(); return l.Addr().String()`, 1), []string{gcf, old}},
		{"framework behind the host", `
-- functions/hello/f.go --
package greet

import ("io"; "net/http"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

func init() { functions.HTTP("hello", hello) }
` + hello, []string{gcf, old}},
	}
	for _, bc := range cases {
		b.Run(bc.name, func(b *testing.B) {
			root := handlerProject(b, bc.source, bc.packages...)
			r := buildHandler(b, root)
			if r.Err != nil {
				b.Fatal(r.Err)
			}
			s := serve(b, r.Binary)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			call := func() error {
				resp, err := client.Post(s.url, "application/json", strings.NewReader(`{"n":1}`))
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				return resp.Body.Close()
			}
			for call() != nil { // the framework may not listen yet
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(); err != nil {
						b.Error(err)
					}
				}
			})
			_ = s.cmd.Process.Signal(syscall.SIGTERM) // it has served
			<-s.end
			_ = s.cmd.Wait() // how it ends is not asked
			used := s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
			// What other programs do changes this less than the time.
			b.ReportMetric(float64(used.Microseconds())/float64(b.N), "processor-µs/op")
		})
	}
}
