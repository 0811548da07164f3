package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/internal/adminapi"
)

// completeWithin bounds what a shell waits for names.
const completeWithin = 500 * time.Millisecond

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

// quickly asks the running engine, if there is one, within completeWithin: a
// shell shows nothing rather than an error.
func (f *engineFlags) quickly(c *cobra.Command, ask func(context.Context, *adminapi.Client)) {
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	if fromEnv(c) != nil || f.remote.use {
		return
	}
	if client, err := adminapi.Open(f.dir()); err == nil {
		ask(ctx, client)
	}
}
