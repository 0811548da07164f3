// Command generate makes what is derived from other manifests: the JSON Schema of
// a mesh file out of the custom resource definition, and a Helm chart out of the
// definition, base and overlays/nats.
//
//	generate schema CRD.yaml SCHEMA.json
//	generate chart MANIFESTS DIR
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("wants what to make, of what, and where to: three arguments, not %d", len(args))
	}
	switch from, to := args[1], args[2]; args[0] {
	case "schema":
		return writeSchema(from, to)
	case "chart":
		return writeChart(from, to)
	}
	return fmt.Errorf("%q is nothing that it makes; it makes a schema or a chart", args[0])
}

func writeSchema(from, to string) error {
	crd, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	schema, err := convert(crd)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, schema, 0o644)
}

func writeChart(from, to string) error {
	files, err := chart(from)
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
