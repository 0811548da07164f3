package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

// level of compression: each step beyond it takes longer than it would save
// in a push.
const level = 6

// block is how much is compressed at once. It decides about the bytes that
// come out; how many are compressed side by side does not.
const block = 1 << 20

// zipper is a gzip writer that uses all processors: blocks are compressed on
// their own and put one behind the other into one gzip member (RFC 1952), each
// ended by a sync marker but the last.
type zipper struct {
	w   io.Writer
	buf []byte
	// queue holds the blocks on their way, in their order.
	queue chan chan []byte
	// done is closed when all that was queued is written; err is set before.
	done chan struct{}
	err  error
	crc  uint32
	size uint32
}

// gzipHeader says: deflate, no name, no time, an unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

func newZipper(w io.Writer) *zipper {
	z := &zipper{
		w: w, buf: make([]byte, 0, block), done: make(chan struct{}),
		queue: make(chan chan []byte, runtime.GOMAXPROCS(0)),
	}
	go z.drain()
	return z
}

// drain writes blocks as they are ready. After an error it goes on taking
// them, so that nobody waits for it.
func (z *zipper) drain() {
	defer close(z.done)
	_, z.err = z.w.Write(gzipHeader)
	for ready := range z.queue {
		out := <-ready
		if z.err == nil {
			_, z.err = z.w.Write(out)
		}
	}
}

// Write never fails: what goes wrong is told by Close.
func (z *zipper) Write(p []byte) (int, error) {
	z.crc = crc32.Update(z.crc, crc32.IEEETable, p)
	z.size += uint32(len(p)) // modulo 2^32, as the format has it
	n := len(p)
	for len(p) > 0 {
		if len(z.buf) == block {
			z.send(false)
		}
		k := min(len(p), block-len(z.buf))
		z.buf, p = append(z.buf, p[:k]...), p[k:]
	}
	return n, nil
}

// send has the buffer compressed.
func (z *zipper) send(last bool) {
	data := z.buf
	z.buf = make([]byte, 0, block)
	ready := make(chan []byte, 1)
	z.queue <- ready // waits while enough blocks are on their way
	go func() { ready <- deflate(data, last) }()
}

// Close writes what is left and returns what went wrong in all. It must be
// called in any case, as goroutines wait for it.
func (z *zipper) Close() error {
	z.send(true)
	close(z.queue)
	<-z.done
	if z.err != nil {
		return z.err
	}
	tail := binary.LittleEndian.AppendUint32(nil, z.crc)
	_, err := z.w.Write(binary.LittleEndian.AppendUint32(tail, z.size))
	return err
}

// deflaters are kept, as each has tables of a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, level)
	if err != nil {
		panic(err) // the level is none there is: a mistake in this package
	}
	return w
}}

func deflate(data []byte, last bool) []byte {
	var out bytes.Buffer
	out.Grow(len(data) / 2)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	// A buffer takes whatever is written.
	_, _ = w.Write(data)
	if last {
		_ = w.Close()
	} else {
		_ = w.Flush()
	}
	return out.Bytes()
}
