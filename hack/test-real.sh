#!/usr/bin/env bash
# The tests that need more than Go: today, a file system of their own that gets
# full (Linux; as root, or where users may make namespaces). make test leaves
# them out where they cannot run; here that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp "${TMPDIR:-/tmp}/weft-real.XXXXXX")
trap 'rm -f "$log"' EXIT
real() { # PACKAGE TESTS
	go test -count=1 -v -run "$2" "$1" 2>&1 | tee "$log" | grep -E '^(    )?(---|ok|FAIL|panic)' || true
	if ! grep -q '^ok' "$log"; then
		cat "$log"
		return 1
	fi
	if grep -q -e '--- SKIP' -e 'no tests to run' "$log"; then
		echo "test-real: a test of $1 was left out: this machine does not give what it needs"
		return 1
	fi
}
real ./bindings/jetstream '^TestFullDisk$'
real ./internal/cli '^TestErrors$/^disk-full'
