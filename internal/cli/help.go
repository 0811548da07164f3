package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// helpWidth is the width that help texts are written for.
const helpWidth = 80

// help prints the help of a command: what it does, how to call it, examples,
// its commands by group, its flags.
func (a *app) help(c *cobra.Command, _ []string) {
	w := c.OutOrStdout()
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n", text)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND [flags]\n", c.CommandPath())
	} else {
		fmt.Fprintf(w, "  %s\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", indent(a.examples(c.Example)))
	}
	groups := c.Groups()
	if len(groups) == 0 && c.HasAvailableSubCommands() {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s\n", g.Title)
		for _, sub := range c.Commands() {
			if sub.GroupID == g.ID && sub.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-11s %s\n", sub.Name(), lowerFirst(sub.Short))
			}
		}
	}
	if flags := c.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", flags.FlagUsagesWrapped(helpWidth))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nMore about a command: %s COMMAND --help\n", c.CommandPath())
	}
}

// examples writes the program's name as it was called.
func (a *app) examples(text string) string {
	if a.name == "weft" {
		return text
	}
	text = strings.ReplaceAll("\n"+text, "\nweft ", "\n"+a.name+" ")
	text = strings.ReplaceAll(text, "&& weft ", "&& "+a.name+" ")
	return strings.ReplaceAll(text, "| weft ", "| "+a.name+" ")[1:]
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// lowerFirst makes "Check a mesh." into "check a mesh", as lists have it.
func lowerFirst(s string) string {
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}

// terminal says whether v, a reader or writer, is a terminal.
func terminal(v any) bool {
	f, ok := v.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
