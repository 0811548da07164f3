package source

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weftmesh/weft/mesh"
)

// maxSearch bounds how much is read, all attempts together, to find the true
// place of a fault.
const maxSearch = 8 << 20

var (
	yamlLine      = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxProblem turns an error of the YAML parser into a problem with a place,
// and says in plain words what it most often means.
func syntaxProblem(file string, data []byte, err error) mesh.Problem {
	p := mesh.Problem{File: file, Message: err.Error()}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if m := yamlLine.FindStringSubmatch(p.Message); m != nil {
		p.Message = m[2]
		if line, err := strconv.Atoi(m[1]); err == nil {
			p.Line = min(max(line, 1), len(lines))
			p.Line = faultyLine(lines, p.Line, p.Message)
			p.Column = indentOf(lines[p.Line-1]) + 1
		}
	}
	if m := unknownAnchor.FindStringSubmatch(p.Message); m != nil {
		p.Message = "the alias *" + m[1] + " names no anchor"
		p.Hint = "write &" + m[1] + " before what it stands for, earlier in the file"
		if at := bytes.Index(data, []byte("*"+m[1])); at >= 0 {
			before := data[:at]
			p.Line = bytes.Count(before, []byte("\n")) + 1
			p.Column = at - bytes.LastIndexByte(before, '\n')
		}
		return p
	}
	// The parser reports a tab on its own line or on the one before.
	for _, at := range []int{p.Line, p.Line + 1} {
		if at < 1 || at > len(lines) {
			continue
		}
		line := lines[at-1]
		if tab := bytes.IndexByte(line[:indentOf(line)], '\t'); tab >= 0 {
			p.Line, p.Column = at, tab+1
			p.Message, p.Hint = "a tab in the indentation", "YAML takes spaces only"
			return p
		}
	}
	p.Message = "not YAML: " + p.Message
	if strings.Contains(p.Message, "did not find expected") {
		p.Hint = "look at the indentation and the brackets here and just before"
	}
	return p
}

// faultyLine finds the line whose reading makes the parser fail: it reports
// the beginning of what it was reading then, which may be far above.
func faultyLine(lines [][]byte, from int, message string) int {
	read := 0
	for n := from; n <= len(lines) && read < maxSearch; n++ {
		text := bytes.Join(lines[:n], nil)
		read += len(text)
		dec := yaml.NewDecoder(bytes.NewReader(text))
		for {
			err := dec.Decode(new(yaml.Node))
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				continue
			}
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[2] == message {
				return n
			}
			break
		}
	}
	return from
}

func indentOf(line []byte) int {
	return len(line) - len(bytes.TrimLeft(line, " \t"))
}
