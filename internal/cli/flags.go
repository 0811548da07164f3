package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weftmesh/weft/mesh/source"
)

// defaultData is the name of the data directory.
const defaultData = ".weft"

// meshFlags are the flags of commands that read a mesh file.
type meshFlags struct {
	// file is "" unless it is named.
	file string
	set  []string
}

func (f *meshFlags) add(c *cobra.Command) {
	f.addFile(c)
	c.Flags().StringArrayVar(&f.set, "set", nil, "override a field, `PATH=VALUE`, such as spec.policies.scaling.minReplicas=0 (repeatable)")
	alsoEnv(c, "set")
}

func (f *meshFlags) addFile(c *cobra.Command) {
	c.Flags().StringVarP(&f.file, "file", "f", "", "`FILE` of the mesh (default mesh.yaml, else func.yaml)")
	alsoEnv(c, "file")
}

// path is the mesh file: the one that is named, or that of this directory.
func (f *meshFlags) path() string {
	if f.file != "" {
		return f.file
	}
	return source.FileIn(".")
}

// engineFlags find a running engine: by its data directory, which lies beside
// the mesh file unless it is named.
type engineFlags struct {
	mesh meshFlags
	data string
	// remote says whether a cluster is meant instead, and which.
	remote onCluster
}

func (f *engineFlags) add(c *cobra.Command) {
	f.mesh.addFile(c)
	f.addData(c)
}

func (f *engineFlags) addData(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", "", "data `DIR` of the engine (default .weft beside the mesh)")
	alsoEnv(c, "data")
}

// dir returns the data directory.
func (f *engineFlags) dir() string {
	if f.data != "" {
		return f.data
	}
	// A directory stands for the mesh file in it.
	if info, err := os.Stat(f.mesh.path()); err == nil && info.IsDir() {
		return filepath.Join(f.mesh.path(), defaultData)
	}
	return filepath.Join(filepath.Dir(f.mesh.path()), defaultData)
}

// envAnnotation marks flags that an environment variable can set.
const envAnnotation = "weft.dev/env"

// envName gives the variable of a flag: WEFT_ENV_FILE of --env-file.
func envName(flag string) string {
	return "WEFT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// alsoEnv lets environment variables set flags of c that the command line
// leaves out.
func alsoEnv(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.Flags().SetAnnotation(name, envAnnotation, []string{envName(name)}); err != nil {
			panic(err) // the flag is not defined: a mistake in this package
		}
	}
	if c.PreRunE == nil {
		c.PreRunE = func(c *cobra.Command, _ []string) error { return fromEnv(c) }
	}
}

// fromEnv sets flags from the environment. A repeatable flag takes values
// separated by commas.
func fromEnv(c *cobra.Command) error {
	var err error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[envAnnotation]) == 0 || f.Changed || err != nil {
			return
		}
		name := f.Annotations[envAnnotation][0]
		value := os.Getenv(name)
		if value == "" {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if e := c.Flags().Set(f.Name, v); e != nil {
				err = badUsage(c, "environment variable %s: %w", name, e)
				return
			}
		}
	})
	return err
}

// readable makes a path short for messages: relative to the working directory
// where that is not longer.
func readable(path string) string {
	wd, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || len(rel) >= len(path) {
		return path
	}
	return rel
}

// exists says whether the mesh file is there, with a hint if not.
func (f *meshFlags) exists() error {
	if _, err := os.Stat(f.path()); err != nil {
		err = fmt.Errorf("mesh file: %w", err)
		if code, _ := filepath.Glob("*.go"); f.file == "" && len(code) > 0 { // the pattern is sound
			return withHint(fmt.Errorf("there is no %s here, only code", source.DefaultFile), "write one beside it, with a function whose source is . and a trigger: weft new shows the form")
		}
		if f.file == "" {
			return withHint(fmt.Errorf("there is no %s here", source.DefaultFile), "name it with --file, go to its directory, or start a project with: weft new NAME")
		}
		return withHint(err, "--file names the mesh; look for it with: ls %s", filepath.Dir(f.file))
	}
	return nil
}
