package graph

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/weftmesh/weft/mesh"
)

// Mermaid gives the mesh as a Mermaid flowchart.
func Mermaid(p *mesh.Plan) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, f := range p.Functions {
		fmt.Fprintf(&b, "  f%d[%s]\n", f.Index, mermaid(f.Name))
	}
	for _, f := range p.Functions {
		for i, t := range f.Triggers {
			fmt.Fprintf(&b, "  t%d_%d([%s]) --> f%d\n", f.Index, i, mermaid(triggerLabel(t)), f.Index)
		}
	}
	for _, l := range p.Links {
		arrow := "-->"
		if takesErrors(l) {
			arrow = "-.->"
		}
		label := ""
		if c := condition(p, l); c != "" {
			label = "|" + mermaid(c) + "|"
		}
		fmt.Fprintf(&b, "  f%d %s%s f%d\n", l.From.Index, arrow, label, l.To.Index)
	}
	return b.String()
}

// mermaid quotes a text; Mermaid knows entities by # instead of &.
func mermaid(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range printable(s) {
		switch {
		case strings.ContainsRune("\"#;<>&`\\|{}[]()", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// DOT gives the mesh in the language of Graphviz.
func DOT(p *mesh.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dot(p.Name))
	b.WriteString("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"monospace\", fontsize=10];\n")
	for _, f := range p.Functions {
		fmt.Fprintf(&b, "  f%d [label=%s];\n", f.Index, dot(f.Name))
	}
	for _, f := range p.Functions {
		for i, t := range f.Triggers {
			fmt.Fprintf(&b, "  t%d_%d [label=%s, shape=plaintext];\n  t%d_%d -> f%d;\n", f.Index, i, dot(triggerLabel(t)), f.Index, i, f.Index)
		}
	}
	for _, l := range p.Links {
		var attributes []string
		if c := condition(p, l); c != "" {
			attributes = append(attributes, "label="+dot(c))
		}
		if takesErrors(l) {
			attributes = append(attributes, "style=dashed")
		}
		list := ""
		if len(attributes) > 0 {
			list = " [" + strings.Join(attributes, ", ") + "]"
		}
		fmt.Fprintf(&b, "  f%d -> f%d%s;\n", l.From.Index, l.To.Index, list)
	}
	b.WriteString("}\n")
	return b.String()
}

// dot quotes a text; a backslash would begin one of DOT's own escapes.
func dot(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}

// printable makes a text one line without control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF:
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
