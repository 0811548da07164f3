package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What the cache keeps of an object gives it back as it was.
func TestPack(t *testing.T) {
	cases := map[string]struct{ reason, in, kept string }{
		"Spec":   {"what is desired is put away, how it is is not", "kind: A\nmetadata: {name: a}\nspec: {replicas: 3, b: [1.5, x, null]}\nstatus: {c: 1}", "kind: A\nmetadata: {name: a}\nstatus: {c: 1}"},
		"Fields": {"of some kinds that is no spec", "kind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\nimmutable: true", "kind: ConfigMap\nmetadata: {name: a}"},
		"None":   {"and some have nothing", "kind: ServiceAccount\nmetadata: {name: a}", "kind: ServiceAccount\nmetadata: {name: a}"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := func(text string) *unstructured.Unstructured {
				object := (&unstructured.Unstructured{Object: parsed(t, text).(map[string]any)})
				return object.DeepCopy()
			}
			in := u(tc.in)
			for range 2 { // a cache may ask again of what it has been given
				if _, err := pack(in); err != nil {
					t.Fatal(err)
				}
			}
			out, err := unpacked(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(u(tc.in).Object, out.Object, numbers); diff != "" {
				t.Errorf("%s: -put in +given back:\n%s", tc.reason, diff)
			}
			delete(in.Object, packed)
			if diff := cmp.Diff(u(tc.kept).Object, in.Object, numbers); diff != "" {
				t.Errorf("%s: -wanted +kept:\n%s", tc.reason, diff)
			}
		})
	}
	if _, err := unpacked(&unstructured.Unstructured{Object: map[string]any{packed: "{"}}); err == nil {
		t.Error("what cannot be read is no error")
	}
}

// numbers are equal by value.
var numbers = cmp.FilterValues(func(a, b any) bool {
	_, x := number(a)
	_, y := number(b)
	return x && y
}, cmp.Comparer(func(a, b any) bool { return equal(a, b) }))
