package host_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// says is a function that answers its own name and the path.
func says(name string) host.Function {
	return adapt.HTTP(name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.URL.Path) }))
}

func TestTarget(t *testing.T) {
	two := []host.Function{says("ingestOrder"), says("notify_user")}
	cases := map[string]struct {
		reason    string
		target    string
		functions []host.Function
		want      map[string]string // path: answer, or the status
		err       string
	}{
		"one":           {"a single function is served at every path", "", two[:1], map[string]string{"/": "ingestOrder /", "/a/b": "ingestOrder /a/b"}, ""},
		"as written":    {"the target as written", "notify_user", two, map[string]string{"/x": "notify_user /x"}, ""},
		"kebab":         {"the target in kebab-case", "ingest-order", two, map[string]string{"/x": "ingestOrder /x"}, ""},
		"several":       {"several are served at their names", "", two, map[string]string{"/ingestOrder": "ingestOrder /ingestOrder", "/ingest-order/7": "ingestOrder /ingest-order/7", "/notify-user": "notify_user /notify-user", "/": "404", "/other": "404"}, ""},
		"unknown":       {"an unknown target names those there are, nearest first", "notifyUsers", two, nil, "there are notify_user, ingestOrder"},
		"unknown alone": {"or the one there is", "x", two[:1], nil, "there is ingestOrder"},
		"none":          {"no function says how to register one", "hello", nil, nil, `fn.HTTP("hello", handler)`},
		"collision":     {"names that collide are an error", "", []host.Function{says("aB"), says("a-b")}, nil, "rename one"},
		"no name":       {"a name is needed", "", []host.Function{says("")}, nil, "without a name"},
		"no handler":    {"a handler is needed", "", []host.Function{{Name: "f"}}, nil, "needs a handler"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h, err := host.New(host.Options{Target: tc.target}, tc.functions...)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%s: error %v, want one with %q", tc.reason, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			for path, want := range tc.want {
				w := do(h, request("GET", path, ""))
				got := w.Body.String()
				if w.Code == http.StatusNotFound {
					got = "404"
				}
				if got != want {
					t.Errorf("%s: GET %s = %q, want %q", tc.reason, path, got, want)
				}
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	cases := map[string]struct {
		reason string
		env    map[string]string
		want   host.Options
		err    string
	}{
		"nothing":     {"an empty environment is that of a run by hand", nil, host.Options{}, ""},
		"everything":  {"all variables are read", map[string]string{"FUNCTION_TARGET": "f", "K_SERVICE": "m-f", "K_SINK": "http://h/sink/t", "WEFT_TIMEOUT": "5s", "WEFT_MAX_BODY": "10", "WEFT_GRACE": "1m"}, host.Options{Target: "f", Service: "m-f", Sink: "http://h/sink/t", Timeout: 5 * time.Second, MaxBody: 10, Grace: time.Minute}, ""},
		"bad timeout": {"errors name the variable", map[string]string{"WEFT_TIMEOUT": "5"}, host.Options{}, "WEFT_TIMEOUT"},
		"negative":    {"durations are not negative", map[string]string{"WEFT_GRACE": "-1s"}, host.Options{}, "WEFT_GRACE"},
		"bad body":    {"a limit is above 0", map[string]string{"WEFT_MAX_BODY": "0"}, host.Options{}, "WEFT_MAX_BODY"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := host.FromEnv(func(k string) string { return tc.env[k] })
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%s: error %v", tc.reason, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBadSink(t *testing.T) {
	for _, sink := range []string{"s3cret", "ftp://h/s3cret", "http:///s3cret", "http://[/s3cret"} {
		_, err := host.New(host.Options{Sink: sink}, says("f"))
		if err == nil || !strings.Contains(err.Error(), "K_SINK") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("host.New with sink %q: %v, want an error that names K_SINK and not the token", sink, err)
		}
	}
}
