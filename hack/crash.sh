#!/usr/bin/env bash
# Kills a random process of a mesh under load, again and again, and proves that
# nothing accepted is lost and no stock reserved twice.
# Usage: hack/crash.sh [--rounds N] [--rate PER_SECOND] [--every 2s] [--seed N] [--keep]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
make --no-print-directory build
go build -o bin/crash ./hack/crash
exec bin/crash "$@"
