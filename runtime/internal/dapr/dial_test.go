package dapr

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason, endpoint, target string
		secure                   bool
	}{
		"http":              {"what the engine sets", "http://127.0.0.1:50001", "passthrough:///127.0.0.1:50001", false},
		"https":             {"https is TLS", "https://dapr.example:443", "dns:///dapr.example:443", true},
		"host and port":     {"as DAPR_GRPC_PORT gives it", "127.0.0.1:50001", "passthrough:///127.0.0.1:50001", false},
		"name":              {"a name is looked up", "dapr:50001", "dns:///dapr:50001", false},
		"no port":           {"443, as Dapr's SDKs have it", "http://dapr", "dns:///dapr:443", false},
		"only port":         {"of this machine", ":50001", "dns:///localhost:50001", false},
		"slash":             {"an empty path is none", "http://127.0.0.1:50001/", "passthrough:///127.0.0.1:50001", false},
		"IPv6":              {"in brackets", "http://[::1]:50001", "passthrough:///[::1]:50001", false},
		"unix":              {"a socket", "unix:///run/dapr.sock", "unix:///run/dapr.sock", false},
		"unix, short":       {"gRPC's other way to write it", "unix:/run/dapr.sock", "unix:///run/dapr.sock", false},
		"unix, odd":         {"gRPC reads its target as a URL", "unix:///run/a%20%25%3F%23b", "unix:///run/a%20%25%3F%23b", false},
		"unix, no path":     {"a socket has a path", "unix:", "", false},
		"unix, relative":    {"and an absolute one", "unix:run/dapr.sock", "", false},
		"abstract":          {"as the proposal writes it", "unix-abstract:dapr", "unix-abstract:dapr", false},
		"abstract, long":    {"gRPC has the slash in the name", "unix-abstract:///dapr", "unix-abstract:///dapr", false},
		"abstract, no name": {"there must be one", "unix-abstract:", "", false},
		"dns, no name":      {"there is nothing to look up", "dns://8.8.8.8/", "", false},
		"vsock":             {"gRPC does not know it", "vsock:1:2", "", false},
		"dns":               {"with an authority", "dns://8.8.8.8/dapr:50001?tls=true", "dns://8.8.8.8/dapr:50001", true},
		"dns without":       {"TLS can be said to be off", "dns:///dapr:50001?tls=false", "dns:///dapr:50001", false},
		"http and tls":      {"two ways to say it may differ", "http://dapr:1?tls=true", "", false},
		"other query":       {"a slip of the pen is told", "dns:///dapr:1?tsl=true", "", false},
		"tls maybe":         {"true or false", "dns:///dapr:1?tls=1", "", false},
		"path":              {"there is none to a server", "http://dapr:1/v1", "", false},
		"user":              {"the token has a variable of its own", "http://u@dapr:1", "", false},
		"scheme":            {"not one of Dapr's", "ftp://dapr:1", "", false},
		"relative":          {"a socket has an absolute path", "unix://run/dapr.sock", "", false},
		"no URL":            {"it must parse", "http://[::1", "", false},
		"control":           {"it must parse", "http://a\x00:1", "", false},
		"port no number":    {"it must parse", "127.0.0.1:http", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			target, secure, err := parse(tc.endpoint)
			if target != tc.target || secure != tc.secure || (err == nil) != (tc.target != "") {
				t.Errorf("%s: parse(%q) = %q, %v, %v; want %q, %v", tc.reason, tc.endpoint, target, secure, err, tc.target, tc.secure)
			}
			if err != nil && !strings.Contains(err.Error(), "http://127.0.0.1:50001") {
				t.Errorf("%q shows no way out", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:1", "unix:///a", "a:1", "dns://x/a:1?tls=true", ":", "//", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		target, _, err := parse(endpoint)
		if (err == nil) != (target != "") {
			t.Errorf("parse(%q) = %q, %v", endpoint, target, err)
		}
		if err != nil {
			return
		}
		if b, err := Dial(endpoint, ""); err == nil {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
