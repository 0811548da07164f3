package wire

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzSource holds the short way of reading a source to what net/url reads.
func FuzzSource(f *testing.F) {
	for _, s := range []string{"/a", "/mesh/ingest-order", "/a/../b", "//host/a", "/", "", "a", "/a b", "/a%20b", "/a?b", "/a#b", "/a:b", "/~a_.-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := &record{}
		err := r.set("source", s)
		want, wantErr := url.Parse(s)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, net/url says %v", s, err, wantErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, &r.ctx.Source.URL, cmp.AllowUnexported(url.Userinfo{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
	})
}
