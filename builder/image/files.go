package image

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The user that programs run as, and where they find certificates.
const (
	User         = "65532:65532"
	uid          = 65532
	certificates = "etc/ssl/certs/ca-certificates.crt"
)

// zoneinfo is lib/time/zoneinfo.zip of Go 1.26, made from the time zone
// database of IANA, which is in the public domain. It is embedded because not
// every installation of Go has it, and two that have it may differ.
//
//go:embed zoneinfo.zip
var zoneinfo []byte

// baseLayer is the first layer of an image that is made from scratch. It is
// the same in all of them and made once in a process.
var baseLayer = sync.OnceValues(func() (*blob, error) {
	entries := []entry{
		dir("home/nonroot", 0o700, uid),
		dir("tmp", 0o1777, 0),
		file("etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")),
		file("etc/group", []byte("root:x:0:\nnonroot:x:65532:\n")),
		// A resolver that is not Go's looks at files first only if told.
		file("etc/nsswitch.conf", []byte("hosts: files dns\n")),
		file(certificates, roots()),
	}
	zones, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("time zones: %w", err)
	}
	for _, f := range zones.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		entries = append(entries, entry{
			path: "usr/share/zoneinfo/" + f.Name, mode: 0o444,
			size: int64(f.UncompressedSize64), open: func() (io.ReadCloser, error) { return f.Open() },
		})
	}
	var out bytes.Buffer
	p, err := pack(&out, entries)
	if err != nil {
		return nil, err
	}
	return bytesBlob(types.OCILayer, p, out.Bytes()), nil
})

// roots are the certificates that Mozilla trusts, as the Go project publishes
// them. A file of certificates cannot say that one is trusted only for what
// it signed before some day, so those are left out.
func roots() []byte {
	var b bytes.Buffer
	for r := range bundle.Roots() {
		if r.Constraint == nil {
			// A buffer takes whatever is written.
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate})
		}
	}
	return b.Bytes()
}
