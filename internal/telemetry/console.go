package telemetry

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"sync/atomic"

	"github.com/weftmesh/weft/internal/adminapi"
)

// A Console shows log lines as they come, each with its function's name in
// front. A terminal that does not keep up loses lines, and is told how many;
// it never holds up a function.
type Console struct {
	out   io.Writer
	color bool
	width atomic.Int32
	queue *lineQueue
	done  chan struct{}
}

// palette holds the SGR colours of functions: those that read well on light
// and dark.
var palette = []string{"36", "33", "35", "32", "34", "96", "93", "95", "92", "94"}

var levelColour = map[string]string{"debug": "2", "warn": "33", "error": "31"}

// NewConsole writes to out, with colours if color is set.
func NewConsole(out io.Writer, color bool) *Console {
	c := &Console{out: out, color: color, queue: newLineQueue(), done: make(chan struct{})}
	c.width.Store(4)
	go c.run()
	return c
}

// Names tells which functions there are, so that the lines align.
func (c *Console) Names(names []string) {
	width := 4
	for _, n := range names {
		width = max(width, len(n))
	}
	c.width.Store(int32(min(width, 32)))
}

// Put shows a line, soon. The text must not change afterwards.
func (c *Console) Put(l Line) { c.queue.put(l) }

// Flush waits until all lines put so far have been shown.
func (c *Console) Flush() { c.queue.flush() }

// Close shows what is waiting.
func (c *Console) Close() {
	c.queue.close()
	<-c.done
}

func (c *Console) run() {
	defer close(c.done)
	var lines []Line
	var buf bytes.Buffer
	for {
		var lost uint64
		var ok bool
		lines, lost, ok = c.queue.take(lines)
		if !ok {
			return
		}
		if lost > 0 {
			fmt.Fprintf(&buf, "(%d lines not shown: they came faster than they could be written)\n", lost)
		}
		for _, l := range lines {
			c.format(&buf, l)
			if buf.Len() > 32<<10 {
				c.emit(&buf)
			}
		}
		c.emit(&buf)
		clear(lines)
		if cap(lines) > 1024 {
			lines = nil
		}
	}
}

// emit writes what is there. A console that is gone, such as a closed pipe,
// is no reason to end the mesh.
func (c *Console) emit(buf *bytes.Buffer) {
	_, _ = c.out.Write(buf.Bytes())
	buf.Reset()
	if buf.Cap() > 256<<10 {
		*buf = bytes.Buffer{}
	}
}

func (c *Console) format(buf *bytes.Buffer, l Line) {
	name := l.Function
	if name == "" {
		name = "weft"
	}
	width := int(c.width.Load())
	if len(name) > width {
		name = name[:width]
	}
	if c.color {
		code := "1"
		if l.Function != "" {
			code = functionColour(l.Function)
		}
		fmt.Fprintf(buf, "\x1b[%sm%-*s\x1b[0m  ", code, width, name)
	} else {
		fmt.Fprintf(buf, "%-*s  ", width, name)
	}
	e := parse(l)
	c.message(buf, e)
	buf.WriteByte('\n')
}

func (c *Console) message(buf *bytes.Buffer, e adminapi.LogEntry) {
	if e.Level != "info" {
		if c.color {
			buf.WriteString("\x1b[" + levelColour[e.Level] + "m" + strings.ToUpper(e.Level) + "\x1b[0m ")
		} else {
			buf.WriteString(strings.ToUpper(e.Level) + " ")
		}
	}
	buf.WriteString(e.Message)
	if len(e.Fields) > 0 {
		members(e.Fields, func(name, value []byte) {
			buf.WriteByte(' ')
			if c.color {
				buf.WriteString("\x1b[2m")
			}
			buf.Write(name)
			buf.WriteByte('=')
			if c.color {
				buf.WriteString("\x1b[0m")
			}
			if text, ok := jsonText(value); ok && text != "" && !strings.ContainsAny(text, " \"=\t\n") {
				buf.WriteString(text)
			} else {
				buf.Write(value)
			}
		})
	}
	if e.TraceID != "" {
		buf.WriteString(" trace=" + e.TraceID)
	}
}

func functionColour(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return palette[h.Sum32()%uint32(len(palette))]
}
