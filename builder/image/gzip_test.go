package image

import (
	"bytes"
	stdzip "compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
)

func zipped(t testing.TB, data []byte, step int) []byte {
	t.Helper()
	var out bytes.Buffer
	z := newZipper(&out)
	for rest := data; len(rest) > 0; {
		n := min(step, len(rest))
		if _, err := z.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzZipper has what is compressed read by the standard library, and the
// same bytes come out however they were written and on however many
// processors.
func FuzzZipper(f *testing.F) {
	for _, size := range []int{0, 1, block - 1, block, block + 1, 3*block + 5} {
		f.Add(uint64(size), size, 1000)
	}
	f.Fuzz(func(t *testing.T, seed uint64, size, step int) {
		if size < 0 || size > 4*block || step < 100 {
			return
		}
		random := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(random.IntN(1 + i%256)) // some of it compresses
		}
		out := zipped(t, data, step)
		r, err := stdzip.NewReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%d bytes came back of %d: %v", len(back), size, err)
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if !bytes.Equal(out, zipped(t, data, size+1)) {
			t.Error("written otherwise, it comes out otherwise")
		}
	})
}

// TestZipperTells has an error of what is written to come out of Close.
func TestZipperTells(t *testing.T) {
	full := errors.New("the disk is full")
	z := newZipper(failing{full})
	if _, err := z.Write(make([]byte, 40*block)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
