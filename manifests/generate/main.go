// Command generate makes the JSON Schema of a mesh file out of the custom
// resource definition: generate CRD.yaml SCHEMA.json.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("wants two arguments, the CRD and the schema, not %d", len(args))
	}
	crd, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	schema, err := convert(crd)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return os.WriteFile(args[1], schema, 0o644)
}
