//go:build unix

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// block is a fenced block of shell commands.
type block struct {
	line int // of its first command
	text string
	// until is what a block in the background prints when those after it may
	// start; "" for a block in the foreground.
	until string
	// stop says that what runs in the background is interrupted before it.
	stop bool
}

var (
	fence = regexp.MustCompile("^ {0,3}```+ *([A-Za-z]*)")
	mark  = regexp.MustCompile(`^<!-- docs-test: (.*) -->$`)
	until = regexp.MustCompile(`^(stop, then )?background until "([^"]+)"$`)
)

// parse finds the sh blocks of a Markdown file.
func parse(text string) ([]block, error) {
	var (
		blocks []block
		wait   string // of the mark before the next block
		stop   bool   // likewise
		open   bool   // within a fence
		sh     bool   // which is one of sh
	)
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if m := fence.FindStringSubmatch(line); m != nil {
			if open = !open; open {
				if sh = m[1] == "sh"; sh {
					blocks = append(blocks, block{line: n + 1, until: wait, stop: stop})
				} else if wait != "" {
					return nil, fmt.Errorf("line %d: the mark before it is for sh blocks", n)
				}
				wait, stop = "", false
			}
			continue
		}
		if open {
			if sh {
				b := &blocks[len(blocks)-1]
				b.text += line + "\n"
			}
			continue
		}
		if m := mark.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			u := until.FindStringSubmatch(m[1])
			if u == nil {
				return nil, fmt.Errorf(`line %d: docs-test knows only: background until "text", and: stop, then background until "text"`, n)
			}
			stop, wait = u[1] != "", u[2]
		}
	}
	if open || wait != "" {
		return nil, errors.New("a block is not closed, or a mark has none after it")
	}
	return blocks, nil
}

// prologue defines what script needs: interrupting what runs in the
// background, and waiting for its text.
const prologue = `set -euo pipefail
logs=$(mktemp -d)
background=()
stop() {
	for pid in "${background[@]+"${background[@]}"}"; do
		kill -INT -- "-$pid" 2>/dev/null || true
	done
	for pid in "${background[@]+"${background[@]}"}"; do
		wait "$pid" || true
	done
	background=()
}
finish() {
	code=$?
	trap - EXIT
	stop
	[[ $code == 0 ]] || cat "$logs"/* 2>/dev/null || true
	rm -rf "$logs"
	exit "$code"
}
trap finish EXIT
await() { # LOG PID TEXT
	for ((i = 0; i < 3000; i++)); do
		grep -qsF -- "$3" "$1" && return
		kill -0 "$2" 2>/dev/null || { echo "ended before it printed: $3"; return 1; }
		sleep 0.1
	done
	echo "did not print within 5 minutes: $3"
	return 1
}
`

// script is one bash program of all blocks of a file. A block in the
// background has a process group of its own, so that an interrupt reaches all
// of it, as Ctrl-C does.
func script(file string, blocks []block) string {
	var s strings.Builder
	s.WriteString(prologue)
	for i, b := range blocks {
		fmt.Fprintf(&s, "echo %s\n", quote(fmt.Sprintf("--- %s:%d", file, b.line)))
		if b.stop {
			s.WriteString("stop\n")
		}
		if b.until == "" {
			s.WriteString(b.text)
			continue
		}
		log := fmt.Sprintf(`"$logs"/%d`, i)
		fmt.Fprintf(&s, "set -m\nbash -euo pipefail -c %s >%s 2>&1 </dev/null &\nbackground+=($!)\nset +m\nawait %s $! %s\n",
			quote(b.text), log, log, quote(b.until))
	}
	return s.String()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
