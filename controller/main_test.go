package controller

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/version"
)

func TestFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere")
	cases := map[string]struct {
		reason string
		args   []string
		level  string
		code   int
		says   string
	}{
		"Image":   {"there is no image that would always be right", nil, "", 2, "--dataplane is missing"},
		"Rest":    {"a word that is no flag is a mistake", []string{"--dataplane", "a", "b"}, "", 2, `"b" is no flag`},
		"Unknown": {"so is a flag that there is not", []string{"--data"}, "", 2, "flag provided but not defined: -data"},
		"Ingress": {"functions admit whom somebody named, not nobody", []string{"--ingress-namespaces", "a, b"}, "", 2, `" b" is no namespace`},
		"Secret":  {"what each mesh is told is no secret", []string{"--dataplane", "a", "--nats", "nats://ann:s3cret@n:4222"}, "", 2, "--nats holds a user or a token"},
		"Level":   {"and a level that there is not", []string{"--dataplane", "a"}, "loud", 2, contract.EnvLogLevel},
		"Help":    {"help is what was asked for", []string{"--help"}, "", 0, "-leader-elect"},
		"Version": {"so is the version", []string{"--version"}, "", 0, "weft-controller " + version.Get().Version},
		"Cluster": {"without a cluster it fails", []string{"--dataplane", "a"}, "", 1, "the cluster: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv(contract.EnvLogLevel, tc.level)
			var out bytes.Buffer
			if code := Main(t.Context(), append([]string{"weft-controller"}, tc.args...), &out); code != tc.code || !strings.Contains(out.String(), tc.says) {
				t.Errorf("%s: got %d and %s", tc.reason, code, out.String())
			}
			if strings.Contains(out.String(), "s3cret") {
				t.Errorf("it says the password: %s", out.String())
			}
		})
	}
	o, level, err := parse([]string{"weft-controller", "--dataplane", "a", "--nats", "nats://n:4222", "--ingress-namespaces", "a,b"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if b := o.Settings.Broker; b.Type != "pubsub.jetstream" || b.Metadata[0].Value != "nats://n:4222" || level != slog.LevelInfo {
		t.Errorf("got %+v, %v", b, level)
	}
	if got := o.Settings.Ingress; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the ingress is in %v", got)
	}
}
