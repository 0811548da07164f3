#!/usr/bin/env bash
# Builds bin/func, Knative's func from its module: create, and build with the
# host builder. A minute or two the first time, a second once it is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/func"

mkdir -p ../../bin
CGO_ENABLED=0 go build -ldflags '-s -w' -o ../../bin/func .
