package image

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platform is what a program runs on, in the words of Go: GOOS and GOARCH.
type Platform struct{ OS, Arch string }

// Platforms are those that an image is built for if nobody says otherwise.
var Platforms = []Platform{{"linux", "amd64"}, {"linux", "arm64"}}

func (p Platform) String() string { return p.OS + "/" + p.Arch }

// oci adds the variant that the OCI specification asks for with 64-bit ARM.
func (p Platform) oci() *v1.Platform {
	o := &v1.Platform{OS: p.OS, Architecture: p.Arch}
	if p.Arch == "arm64" {
		o.Variant = "v8"
	}
	return o
}

// ParsePlatforms reads "linux/amd64" and lists with commas, in their order
// and each once. Only Linux has images that are made from scratch.
func ParsePlatforms(lists ...string) ([]Platform, error) {
	var ps []Platform
	for _, list := range lists {
		for s := range strings.SplitSeq(list, ",") {
			s = strings.TrimSpace(s)
			os, arch, _ := strings.Cut(s, "/")
			if os != "linux" || arch == "" || strings.Trim(arch, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
				return nil, fmt.Errorf("platform %q is not one that images are built for; write it as linux/amd64 or linux/arm64", s)
			}
			if p := (Platform{os, arch}); !slices.Contains(ps, p) {
				ps = append(ps, p)
			}
		}
	}
	return ps, nil
}
