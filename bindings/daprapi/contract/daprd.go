package contract

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Daprd is the real daprd, run as a process.
type Daprd struct {
	// Path of the program.
	Path string
}

// Start runs daprd beside the application until t ends. Its log is shown if t
// fails.
func (d Daprd) Start(t *testing.T, s Setup) Address {
	t.Helper()
	const token = "contract-token-of-daprd"
	ports := freePorts(t, 4)
	log, err := os.Create(filepath.Join(t.TempDir(), "daprd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	path, err := filepath.Abs(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	// Tracing is on, as it always is with ours: it shows in events.
	config := filepath.Join(s.Dir, "config.yaml")
	err = os.WriteFile(config, []byte("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: contract}\nspec: {tracing: {samplingRate: \"1\"}}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--config", config, "--app-id", cmp.Or(s.AppID, AppID), "--app-port", s.App.Port(), "--app-protocol", "http",
		"--resources-path", filepath.Join(s.Dir, "resources"), "--dapr-listen-addresses", "127.0.0.1",
		"--dapr-http-port", ports[0], "--dapr-grpc-port", ports[1], "--dapr-internal-grpc-port", ports[2],
		"--metrics-port", ports[3], "--enable-metrics=false", "--log-level", "info")
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "DAPR_API_TOKEN="+token, "NAMESPACE=default", "DAPR_HOST_IP=127.0.0.1")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting daprd: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		said, _ := os.ReadFile(log.Name())
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-done:
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("daprd logged:\n%s", lastLines(string(said), 40))
		}
	})
	at := Address{HTTP: "http://127.0.0.1:" + ports[0], GRPC: "127.0.0.1:" + ports[1], Token: token}
	for end := time.Now().Add(60 * time.Second); !healthy(t, at.HTTP); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("daprd ended at once: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("daprd is not healthy after 60s")
		}
	}
	return at
}

func healthy(t *testing.T, url string) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1.0/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}

// freePorts finds ports that nothing listens on. daprd cannot choose its own.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := strings.Cut(l.Addr().String(), ":")
		ports = append(ports, port)
	}
	return ports
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
