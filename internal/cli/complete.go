package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

// What a shell waits for names at most: those of an engine on this machine, and
// those of a cluster, which may be far away.
const (
	completeWithin    = 500 * time.Millisecond
	completeOnCluster = 2 * time.Second
)

// completeFunctions completes up to most arguments with the functions of the
// running mesh.
func (f *engineFlags) completeFunctions(most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f.functions(c), cobra.ShellCompDirectiveNoFileComp
	}
}

func (f *engineFlags) completeFunctionFlag(c *cobra.Command, flag string) {
	err := c.RegisterFlagCompletionFunc(flag, f.completeFunctions(1))
	if err != nil {
		panic(err) // the flag is not defined, or twice: a mistake in this package
	}
}

func (f *engineFlags) functions(c *cobra.Command) []string {
	var names []string
	if f.remote.use {
		ctx, cancel := context.WithTimeout(cmp.Or(c.Context(), context.Background()), completeOnCluster)
		defer cancel()
		if on, name, err := f.meshOnCluster(); err == nil {
			if fm, err := on.Mesh(ctx, name); err == nil {
				for _, fn := range fm.Spec.Functions {
					names = append(names, fn.Name)
				}
			}
		}
		return names
	}
	f.quickly(c, func(ctx context.Context, client *adminapi.Client) {
		if s, err := client.Status(ctx); err == nil {
			for _, fn := range s.Functions {
				names = append(names, fn.Name)
			}
		}
	})
	return names
}

// completeLetters completes with the ids of dead letters.
func (f *engineFlags) completeLetters(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	f.quickly(c, func(ctx context.Context, client *adminapi.Client) {
		if ls, err := client.DeadLetters(ctx, "", 100); err == nil {
			for _, l := range ls {
				ids = append(ids, cobra.CompletionWithDesc(l.ID, l.Function+": "+shorten(oneLine(l.Error), 40)))
			}
		}
	})
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// quickly asks the running engine, or the front on a cluster, if there is one,
// within a short time: a shell shows nothing rather than an error.
func (f *engineFlags) quickly(c *cobra.Command, ask func(context.Context, *adminapi.Client)) {
	within := completeWithin
	if f.remote.use {
		within = completeOnCluster
	}
	ctx, cancel := context.WithTimeout(cmp.Or(c.Context(), context.Background()), within)
	defer cancel()
	if fromEnv(c) != nil {
		return
	}
	_ = f.call(ctx, func(client *adminapi.Client) error {
		ask(ctx, client)
		return nil
	})
}
