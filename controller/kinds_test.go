package controller

import (
	"slices"
	"testing"

	"github.com/weftmesh/weft/controller/desired"
)

func TestSummary(t *testing.T) {
	without := func(gone func(kind) bool) []kind { return slices.DeleteFunc(slices.Clone(kinds), gone) }
	cases := map[string]struct {
		reason    string
		have      []kind
		want      desired.Installed
		halfThere bool
	}{
		"All":  {"all projects", kinds, desired.Installed{Knative: true, KEDA: true, Dapr: true}, false},
		"None": {"Kubernetes alone", without(func(k kind) bool { return k.crd != "" }), desired.Installed{}, false},
		"One": {
			"a project that is not there is not half there",
			without(func(k kind) bool { return k.Group == kindScaledObject.Group }), desired.Installed{Knative: true, Dapr: true}, false,
		},
		"Half": {
			"what a project has still runs while one of its kinds is missing",
			without(func(k kind) bool { return k == kindConfiguration }), desired.Installed{KEDA: true, Dapr: true}, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, halfThere := summary(tc.have); got != tc.want || halfThere != tc.halfThere {
				t.Errorf("%s: got %+v, half there: %t", tc.reason, got, halfThere)
			}
		})
	}
}
