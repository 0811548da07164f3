package daprbroker

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIdentityOfPlace(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(dir))
	cases := map[string]struct {
		reason, one, two string
		same             bool
	}{
		"Same":     {"one place is one engine", dir, dir, true},
		"Slash":    {"however it is written", dir, dir + "/./", true},
		"Relative": {"from wherever", dir, filepath.Base(dir), true},
		"Link":     {"by whichever way", dir, link, true},
		"Other":    {"two directories are two engines", dir, filepath.Join(dir, "two"), false},
		"None":     {"without a place each is one of its own", "", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			one, two := idOf(tc.one), idOf(tc.two)
			if (one == two) != tc.same || len(one) != idLength || len(two) != idLength {
				t.Errorf("%s: %q has %q, %q has %q", tc.reason, tc.one, one, tc.two, two)
			}
		})
	}
}
