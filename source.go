package weft

import "embed"

// Runtime is the source of what a function's program is made of, with its
// tests: the builder writes it beside handlers whose module does not require
// Weft, so that a program is hosted by the runtime of the weft that built it.
//
//go:embed runtime/fn runtime/host runtime/internal/adapt runtime/internal/call runtime/internal/logs runtime/internal/names runtime/internal/registry
//go:embed internal/contract internal/pages internal/wire
var Runtime embed.FS
