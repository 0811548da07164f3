package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// progress shows how several things come along: on a terminal a line for each,
// which is written anew when it changes; elsewhere a line for each change.
type progress struct {
	w      io.Writer
	colour bool
	// size of the terminal, in characters; nil if there is none.
	size func() (width, height int)

	names  []string
	widest int
	state  map[string]string
	drawn  int // lines on the terminal that are ours
}

// newProgress shows the named things on w. Others may be added as they come.
func newProgress(w io.Writer, names ...string) *progress {
	p := &progress{w: w, colour: colour(w), state: make(map[string]string)}
	if terminal(w) && os.Getenv("TERM") != "dumb" {
		fd := int(w.(interface{ Fd() uintptr }).Fd())
		p.size = func() (width, height int) {
			width, height, err := term.GetSize(fd)
			if err != nil {
				return 0, 0
			}
			return width, height
		}
	}
	for _, name := range names {
		p.add(name)
	}
	return p
}

func (p *progress) add(name string) {
	p.names = append(p.names, name)
	p.widest = max(p.widest, min(len(name), longestName))
}

// set says how a thing is now.
func (p *progress) set(name, text string) {
	if _, known := p.state[name]; !known && !p.has(name) {
		p.add(name)
	}
	p.state[name] = text
	width, height := 0, 0
	if p.size != nil {
		width, height = p.size()
	}
	// Lines that have left the terminal at its top cannot be written anew.
	if width < 1 || height <= len(p.names) {
		fmt.Fprintln(p.w, p.line(name, 0))
		p.drawn = 0
		return
	}
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, name := range p.names {
		b.WriteString("\x1b[2K" + p.line(name, width) + "\n")
	}
	p.drawn = len(p.names)
	_, _ = io.WriteString(p.w, b.String()) // whoever looks on has gone
}

func (p *progress) has(name string) bool {
	for _, n := range p.names {
		if n == name {
			return true
		}
	}
	return false
}

// line is how a thing is, cut to width unless that is 0.
func (p *progress) line(name string, width int) string {
	text := p.state[name]
	if text == "" {
		text = "waiting"
	}
	who, ready := fmt.Sprintf("%-*.*s", p.widest, p.widest, name), text == stateReady
	if width > 0 {
		text = shorten(oneLine(text), max(width-p.widest-2, 2))
	} else {
		text = multiLine(text)
	}
	if p.colour && ready {
		text = paint(32, text)
	}
	return who + "  " + text
}

// stateReady is what Wait says of what is ready.
const stateReady = "ready"
