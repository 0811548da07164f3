package scaffold

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"
)

func TestTogether(t *testing.T) {
	data, err := modules.ReadFile("modules/weft/go.mod.txt")
	if err != nil {
		t.Fatal(err)
	}
	weft, err := modfile.Parse("weft", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	raised := required(weft, lockstep)
	cases := map[string]struct {
		reason string
		mod    string
		want   map[string]string
	}{
		"Older": {
			reason: "what has the version of the API goes with it; the exporters' and others' versions differ",
			mod:    "require (\n\tgo.opentelemetry.io/otel v1.28.0\n\tgo.opentelemetry.io/otel/sdk v1.28.0\n\tgo.opentelemetry.io/otel/sdk/metric v1.28.0 // indirect\n\tgo.opentelemetry.io/otel/exporters/prometheus v0.50.0\n\tgo.opentelemetry.io/contrib/x v1.28.0\n)\n",
			want:   map[string]string{"go.opentelemetry.io/otel/sdk": raised, "go.opentelemetry.io/otel/sdk/metric": raised},
		},
		"Newer":    {reason: "a module above the runtime stays as it is", mod: "require (\n\tgo.opentelemetry.io/otel v1.999.0\n\tgo.opentelemetry.io/otel/sdk v1.999.0\n)\n"},
		"Same":     {reason: "nothing to raise", mod: "require (\n\tgo.opentelemetry.io/otel " + raised + "\n\tgo.opentelemetry.io/otel/sdk " + raised + "\n)\n"},
		"Without":  {reason: "a module without OpenTelemetry", mod: "require example.com/x v1.0.0\n"},
		"Replaced": {reason: "a replace line is its author's word", mod: "require (\n\tgo.opentelemetry.io/otel v1.28.0\n\tgo.opentelemetry.io/otel/sdk v1.28.0\n)\nreplace go.opentelemetry.io/otel/sdk => ./sdk\n", want: map[string]string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			own, err := modfile.Parse("go.mod", []byte("module example.com/user\n\ngo 1.21\n\n"+tc.mod), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := together(own)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
