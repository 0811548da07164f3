package controller

import (
	"testing"

	"sigs.k8s.io/yaml"
)

func TestContains(t *testing.T) {
	cases := map[string]struct {
		reason, live, want string
		lists              bool // exact
		is                 bool
	}{
		"Same":            {"what is the same needs no write", "a: 1", "a: 1", true, true},
		"Numbers":         {"numbers count by their value", "a: 1", "a: 1.0", true, true},
		"Differs":         {"another value does", "a: 2", "a: 1", true, false},
		"Missing":         {"and one that is missing", "b: 1", "a: 1", true, false},
		"Defaults":        {"what is not desired may be there", "a: 1\nb: 2", "a: 1", true, true},
		"EmptyMap":        {"an empty map may be left out", "b: 1", "a: {}\nb: 1", true, true},
		"EmptyMapNull":    {"or be null", "a: null", "a: {}", true, true},
		"OtherType":       {"text is no map", "a: b", "a: {b: c}", true, false},
		"ListOrder":       {"plain lists are in order", "a: [2, 1]", "a: [1, 2]", false, false},
		"ListMore":        {"and as long", "a: [1, 2]", "a: [1]", false, false},
		"ListLess":        {"", "a: [1]", "a: [1, 2]", false, false},
		"NamedMore":       {"others may add a container to a Deployment", "a: [{name: x}, {name: y, b: 1}]", "a: [{name: y, b: 1}]", false, true},
		"NamedMoreExact":  {"but not a trigger to a ScaledObject", "a: [{name: x}, {name: y, b: 1}]", "a: [{name: y, b: 1}]", true, false},
		"NamedDiffers":    {"an element is found by its name", "a: [{name: x}, {name: y, b: 2}]", "a: [{name: y, b: 1}]", false, false},
		"NamedMissing":    {"", "a: [{name: x}]", "a: [{name: y}]", false, false},
		"Selector":        {"a selector with one more label selects other pods", "selector: {a: b, c: d}", "selector: {a: b}", false, false},
		"PodSelector":     {"also one that should select all", "podSelector: {matchLabels: {a: b}}", "podSelector: {}", false, false},
		"MetadataNamed":   {"so are more owners", "metadata: {ownerReferences: [{name: x}, {name: y}]}", "metadata: {ownerReferences: [{name: x}]}", true, true},
		"LiveIsNothing":   {"what is empty has nothing", "{}", "a: [1]", true, false},
		"ScalarForList":   {"", "a: b", "a: [b]", true, false},
		"EmptyListNeeded": {"an empty list is a value", "b: 1", "a: []", true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := contains(parsed(t, tc.live), parsed(t, tc.want), tc.lists); got != tc.is {
				t.Errorf("%s: got %v, want %v", tc.reason, got, tc.is)
			}
		})
	}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
