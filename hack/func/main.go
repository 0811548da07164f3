// Command func is Knative's func for tests: its "create" and its
// "build --builder=host --push", made of the client, templates, scaffolding,
// builder and pusher of knative.dev/func as its own command line makes them.
// That command line itself needs modules that cannot always be had; and this is
// a module of its own, so that what func needs does not weigh on the root
// go.mod.
//
//	func create -r REPOSITORY -t TEMPLATE PATH
//	func build -i IMAGE PATH
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	fn "knative.dev/func/pkg/functions"
	"knative.dev/func/pkg/oci"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "func:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say create or build")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	repository := flags.String("r", "", "URI of a repository of templates")
	template := flags.String("t", "", "template of it")
	image := flags.String("i", "", "image to push to")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	path, err := filepath.Abs(flags.Arg(0))
	if err != nil {
		return err
	}
	switch args[0] {
	case "create":
		_, err := fn.New(fn.WithRepository(*repository)).Init(fn.Function{
			Name: filepath.Base(path), Root: path, Runtime: "go", Template: *template,
		})
		return err
	case "build":
		return build(ctx, path, *image)
	}
	return fmt.Errorf("there is no %s here", args[0])
}

// build is runBuild of knative.dev/func/cmd for the host builder.
func build(ctx context.Context, path, image string) error {
	f, err := fn.NewFunction(path)
	if err != nil {
		return err
	}
	if !f.Initialized() {
		return fn.NewErrNotInitialized(f.Root)
	}
	const (
		host                         = "host"
		insecure, anonymous, verbose = true, true, false
	)
	f.Build.Builder, f.Image = host, image
	client := fn.New(
		fn.WithScaffolder(oci.NewScaffolder(verbose)),
		fn.WithBuilder(oci.NewBuilder(host, verbose)),
		fn.WithPusher(oci.NewPusher(insecure, anonymous, verbose)),
	)
	if err := client.Scaffold(ctx, f, ""); err != nil {
		return err
	}
	if f, err = client.Build(ctx, f); err != nil {
		return err
	}
	if f, _, err = client.Push(ctx, f); err != nil {
		return err
	}
	if err := f.Write(); err != nil {
		return err
	}
	return f.Stamp()
}
