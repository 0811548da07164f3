// Command image makes container images of programs that need nothing else, for
// a container engine to import:
//
//	image -dir DIR NAME=FILE[:PATH][,FILE[:PATH]...]...
//
// Each becomes DIR/NAME.tar, which holds the image weft.local/NAME. Its tag is
// taken from the content, so that a changed program is a changed image. FILE is
// at PATH in it, or at /NAME; the first one is the entrypoint, run as user
// 65532. There are a /tmp and a home that this user can write to. An archive
// that is newer than its files is left as it is.
//
// It prints a line for each image: NAME REFERENCE.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("dir", ".", "where the archives are written")
	flag.Parse()
	for _, arg := range flag.Args() {
		s, err := parse(arg)
		if err == nil {
			var ref string
			if ref, err = s.archive(*dir); err == nil {
				fmt.Println(s.name, ref)
				continue
			}
		}
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
