package sbom

import (
	"encoding/json"
	"os"
	"regexp"
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestModules(t *testing.T) {
	cases := map[string]struct {
		reason        string
		module        debug.Module
		name, version string
		purl          string
	}{
		"Plain": {
			reason: "a module of a version", module: debug.Module{Path: "example.com/a", Version: "v1.2.3"},
			name: "example.com/a", version: "v1.2.3", purl: "pkg:golang/example.com/a@v1.2.3",
		},
		"Incompatible": {
			reason: "a plus sign is escaped in a package URL", module: debug.Module{Path: "example.com/a", Version: "v2.0.0+incompatible"},
			name: "example.com/a", version: "v2.0.0+incompatible", purl: "pkg:golang/example.com/a@v2.0.0%2Bincompatible",
		},
		"Main": {
			reason: "the code itself has no version", module: debug.Module{Path: "example.com/a", Version: "(devel)"},
			name: "example.com/a", purl: "pkg:golang/example.com/a",
		},
		"Replaced": {
			reason: "what is linked is the replacement",
			module: debug.Module{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1"}},
			name:   "example.com/fork", version: "v1.0.1", purl: "pkg:golang/example.com/fork@v1.0.1",
		},
		"Directory": {
			reason: "a path of this machine does not get into the image",
			module: debug.Module{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "/home/ann/a"}},
			name:   "example.com/a", purl: "pkg:golang/example.com/a",
		},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			p := spdxModule(&tc.module)
			if p.Name != tc.name || p.VersionInfo != tc.version {
				t.Errorf("%s: got %s %s", tc.reason, p.Name, p.VersionInfo)
			}
			if diff := cmp.Diff([]spdxRef{{"PACKAGE-MANAGER", "purl", tc.purl}}, p.ExternalRefs); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBill checks what SPDX 2.3 asks of a document, in its sections 6 to 11.
func TestBill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := SPDX(Program{Name: "probe", Binary: self, SHA256: "00ff", Platform: "linux/amd64"}, time.Unix(0, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	var doc spdxDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.CreationInfo.Created != "1970-01-01T00:00:00Z" {
		t.Errorf("the document begins with %+v", doc)
	}
	if sum := doc.Packages[0].Checksums; len(sum) != 1 || sum[0].ChecksumValue != "00ff" {
		t.Errorf("the program has the sums %v", sum)
	}
	id := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	known := map[string]bool{doc.SPDXID: true}
	for _, p := range doc.Packages {
		if !id.MatchString(p.SPDXID) || known[p.SPDXID] {
			t.Errorf("%s has the identifier %s", p.Name, p.SPDXID)
		}
		known[p.SPDXID] = true
		if p.DownloadLocation == "" || p.LicenseConcluded == "" || p.LicenseDeclared == "" || p.CopyrightText == "" {
			t.Errorf("%s lacks a field: %+v", p.Name, p)
		}
	}
	if len(doc.Relationships) != len(doc.Packages) {
		t.Errorf("%d relationships of %d packages", len(doc.Relationships), len(doc.Packages))
	}
	for _, r := range doc.Relationships {
		if !known[r.Element] || !known[r.Related] {
			t.Errorf("a relationship of nothing: %+v", r)
		}
	}
}

// FuzzIdentifier has no two paths become the same identifier.
func FuzzIdentifier(f *testing.F) {
	f.Add("example.com/a-b", "example.com/a_b")
	f.Add("a/b", "a-2f-b")
	f.Fuzz(func(t *testing.T, a, b string) {
		if x, y := []rune(a), []rune(b); string(x) != a || string(y) != b {
			return // paths are UTF-8
		}
		if a != b && spdxID(a) == spdxID(b) {
			t.Errorf("%q and %q become %s", a, b, spdxID(a))
		}
	})
}
