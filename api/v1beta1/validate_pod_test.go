package v1beta1

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestValidatePod(t *testing.T) {
	secret := func(name string) corev1.EnvFromSource {
		return corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	}
	for name, tc := range map[string]struct {
		reason string
		f      Function
		want   []string
	}{
		"sound": {
			reason: "all that a function says of its pods and its build",
			f: Function{
				Labels: map[string]string{"team": "orders"}, Annotations: map[string]string{"division": "finance & more"},
				ServiceAccountName: "greeter", StartTimeout: &metav1.Duration{Duration: time.Minute},
				ReadinessProbe: &Probe{HTTPGet{"/ready"}}, LivenessProbe: &Probe{HTTPGet{"/live"}},
				EnvFrom: []corev1.EnvFromSource{secret("mail")},
				Build:   &Build{Env: []BuildVariable{{Name: "GOFLAGS", Value: "-tags=x"}}},
			},
		},
		"labels": {
			reason: "Kubernetes' rules for keys and values",
			f:      Function{Labels: map[string]string{"a b": "x"}, Annotations: map[string]string{"-": ""}},
			want:   []string{"annotations", "labels"},
		},
		"probes": {
			reason: "a path begins with a slash",
			f:      Function{ReadinessProbe: &Probe{HTTPGet{"ready"}}, LivenessProbe: &Probe{}},
			want:   []string{"livenessProbe.httpGet.path", "readinessProbe.httpGet.path"},
		},
		"account and timeout": {
			reason: "a name of Kubernetes', and time to start in",
			f:      Function{ServiceAccountName: "A", StartTimeout: &metav1.Duration{}},
			want:   []string{"serviceAccountName", "startTimeout"},
		},
		"envFrom": {
			reason: "each entry names one thing, and its prefix begins a variable",
			f: Function{EnvFrom: []corev1.EnvFromSource{{}, secret(""), {
				Prefix: "1", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}},
			}}},
			want: []string{"envFrom[0]", "envFrom[1].secretRef.name", "envFrom[2].prefix"},
		},
		"build": {
			reason: "the platform is chosen elsewhere, and each variable is there once",
			f:      Function{Build: &Build{Env: []BuildVariable{{Name: "GOOS"}, {}, {Name: "A=B"}, {Name: "A"}, {Name: "A"}}}},
			want:   []string{"build.env[0].name", "build.env[1].name", "build.env[2].name", "build.env[4].name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range tc.f.validate(field.NewPath("f"), &TimeoutPolicy{}) {
				got = append(got, strings.TrimPrefix(err.Field, "f."))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
