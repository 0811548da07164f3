package buildpack

import (
	"context"
	"os"

	"github.com/buildpacks/libcnb"
)

// Main runs the program that it is called as, detect or build, and exits: with
// 100 where detection fails, and 1 for an error, which it prints.
func Main(ctx context.Context) {
	libcnb.Main(Detector{Out: os.Stdout}, Builder{Out: os.Stdout, Context: ctx})
}
